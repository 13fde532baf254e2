using System.Text.RegularExpressions;
using CoDetr.Tensors;

namespace CoDetr.Tests.Kernels;

/// <summary>The rules of the dialect: a kernel text says what is independent, never how a device runs it.</summary>
public sealed partial class DialectTests
{
    private static IEnumerable<string> Texts => Repository.Files("kernels", ".cu", ".h")
        .Where(path => path != "kernels/kernel.h" && !path.StartsWith("kernels/cpu/", StringComparison.Ordinal) && !path.StartsWith("kernels/cuda/", StringComparison.Ordinal));

    [Fact]
    public void OnlyTheDialectItselfNamesThreadsBarriersOrCompilers() => Assert.Empty(
        from path in Texts
        from match in Forbidden().Matches(Comment().Replace(Repository.Read(path), ""))
        select $"{path}: {match.Value.Trim()}");

    [Fact]
    public void EveryKernelIsNamedByExactlyOneOpAndBack()
    {
        var declared = KernelText.Names.Where(file => file.EndsWith(".cu", StringComparison.Ordinal))
            .SelectMany(file => KernelText.KernelsOf(file).Keys.Select(name => $"{file}: {name}")).ToList();
        var named = Repository.Files("src", ".cs").SelectMany(path => KernelOfAnOp().Matches(Repository.Read(path)))
            .Select(match => $"{match.Groups[1].Value}: {match.Groups[2].Value}").ToList();
        Assert.Equal([], declared.Except(named));
        Assert.Equal([], named.Except(declared));
        Assert.Equal([], named.GroupBy(name => name).Where(group => group.Count() > 1).Select(group => group.Key));
    }

    [Fact]
    public void AKernelCarriesTheNameOfItsFile() => Assert.Empty(
        from file in KernelText.Names
        where file.EndsWith(".cu", StringComparison.Ordinal)
        from name in KernelText.KernelsOf(file).Keys
        where !name.Contains(Path.GetFileNameWithoutExtension(file), StringComparison.Ordinal)
        select $"{file}: {name}");

    [GeneratedRegex(@"\b(threadIdx|blockIdx|blockDim|gridDim|warpSize|atomic\w+|__\w+|asm|omp)\b|^\s*#\s*(if|ifdef|ifndef|elif|else)\b", RegexOptions.Multiline)]
    private static partial Regex Forbidden();

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"""((?:cuda/)?\w+\.cu)"",\s*""(\w+)""")]
    private static partial Regex KernelOfAnOp();
}
