using System.Text.RegularExpressions;

namespace CoDetr.Tests.Architecture;

/// <summary>What keeps the tree as it was meant: sizes, directions, names.</summary>
public sealed partial class TreeTests
{
    private const int MostLines = 400; // 250 are aimed at

    private static readonly Dictionary<string, string[]> Knows = new()
    {
        ["CoDetr.Tensors"] = [],
        ["CoDetr.Data"] = [],
        ["CoDetr.Detection"] = ["CoDetr.Tensors"],
        ["CoDetr.Training"] = ["CoDetr.Detection", "CoDetr.Data"],
        ["CoDetr.Cli"] = ["CoDetr.Training"],
    };

    [Fact]
    public void NoFileIsTooLong() => Assert.Empty(
        from path in Repository.Files("", ".cs", ".cu", ".h", ".cpp", ".sh", "codetr")
        let lines = Repository.Read(path).Count(c => c == '\n')
        where lines > MostLines
        select $"{path}: {lines} lines");

    [Fact]
    public void ProjectsKnowEachOtherInOneDirection()
    {
        foreach (string path in Repository.Files("src", ".csproj"))
        {
            string project = Path.GetFileNameWithoutExtension(path);
            Assert.True(Knows.TryGetValue(project, out string[]? allowed), $"{project} has no place in the order of projects.");
            Assert.Empty(ProjectReference().Matches(Repository.Read(path)).Select(m => m.Groups[1].Value).Except(allowed));
        }
    }

    [Fact]
    public void TheEngineNeedsNoPackage() => Assert.DoesNotContain("PackageReference", Repository.Read("src/CoDetr.Tensors/CoDetr.Tensors.csproj"));

    [Fact]
    public void AProjectHasOneNamespace() => Assert.Empty(
        from path in Repository.Files("src", ".cs")
        let project = path.Split('/')[1]
        from Match match in Namespace().Matches(Repository.Read(path))
        where match.Groups[1].Value != project
        select $"{path}: {match.Groups[1].Value}");

    [Fact]
    public void OnlyDevicesAndProgramsNameADevice() => Assert.Empty(
        from path in Repository.Files("src/CoDetr.Tensors", ".cs").Concat(Repository.Files("src/CoDetr.Detection", ".cs"))
        where !path.StartsWith("src/CoDetr.Tensors/Devices/", StringComparison.Ordinal)
        from match in ConcreteDevice().Matches(Repository.Read(path))
        select $"{path}: {match.Value}");

    /// <summary>The op of a kernel file is the one that names its kernels. A test calls a member of it, or of an op that is built on it.</summary>
    [Fact]
    public void EveryKernelFileHasAnOpThatIsTested()
    {
        var ops = Repository.Files("src/CoDetr.Tensors/Ops", ".cs").ToDictionary(p => Path.GetFileNameWithoutExtension(p), Repository.Read);
        string tests = string.Concat(Repository.Files("tests/CoDetr.Tests/Ops", "Tests.cs").Select(Repository.Read));
        string[] tested = [.. from op in ops where Member().Matches(op.Value).Any(m => tests.Contains($".{m.Groups[1].Value}(", StringComparison.Ordinal)) select op.Key];
        Assert.Empty(
            from path in Repository.Files("kernels", ".cu")
            where path.Count(c => c == '/') == 1
            let users = ops.Where(op => op.Value.Contains($"\"{Path.GetFileName(path)}\"", StringComparison.Ordinal)).Select(op => op.Key).ToList()
            where !users.Any(user => tested.Contains(user) || tested.Any(op => Regex.IsMatch(ops[op], $@"\b{user}(Op)?\b")))
            select $"{path}: {string.Join(", ", users)}");
    }

    [Fact]
    public void NothingNamesTheMachineItWasMadeOn() => Assert.Empty(
        from path in Repository.Files("", ".cs", ".cu", ".h", ".cpp", ".sh", ".md", ".csproj", ".props", ".json", ".sln", "codetr", "run")
        where !path.StartsWith("tests/golden/", StringComparison.Ordinal)
        from match in WorkPath().Matches(Repository.Read(path))
        select $"{path}: {match.Value}");

    [GeneratedRegex(@"^ +public .*?(\w+)\(", RegexOptions.Multiline)]
    private static partial Regex Member();

    [GeneratedRegex(@"<ProjectReference Include=""[^""]*?([\w.]+)\.csproj""")]
    private static partial Regex ProjectReference();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"\b(CpuDevice|CudaDevice)\b")]
    private static partial Regex ConcreteDevice();

    [GeneratedRegex(@"(?<![\w.])/(work|home|root)/[\w.]*")]
    private static partial Regex WorkPath();
}
