using System.Text.RegularExpressions;

namespace CoDetr.Tests.Docs;

/// <summary>What the README shows is what is compiled and run; what it points to exists.</summary>
public sealed partial class ReadmeTests
{
    [Fact]
    public void SamplesAreThoseThatRun()
    {
        string source = Repository.Read("tests/CoDetr.Tests/Docs/ReadmeSamples.cs");
        var run = Mark().Matches(source).ToDictionary(m => m.Groups[1].Value, m => Dedent(m.Groups[2].Value));
        var shown = Block().Matches(Repository.Read("README.md")).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value.Trim());
        Assert.Equal(run.Keys.Order(), shown.Keys.Order());
        Assert.All(run, sample => Assert.Equal(sample.Value, shown[sample.Key]));
    }

    [Fact]
    public void LinksLeadSomewhere() => Assert.Empty(
        from path in Repository.Files("", ".md")
        where !path.StartsWith("tests/", StringComparison.Ordinal)
        from Match link in Link().Matches(Repository.Read(path))
        let target = Path.Combine(Repository.Root, Path.GetDirectoryName(path)!, link.Groups[1].Value)
        where !Path.Exists(target)
        select $"{path}: {link.Groups[1].Value}");

    [Fact]
    public void StagesOfTheCheckAreDescribedWhereTheyAre() => Assert.All(
        Regex.Match(Repository.Read("check.sh"), @"^all=\((.*)\)", RegexOptions.Multiline).Groups[1].Value.Split(' '),
        stage => Assert.Matches($@"(?m)^{stage}\(\) {{", Repository.Read("check.sh")));

    private static string Dedent(string text)
    {
        string[] lines = text.Trim('\n').Split('\n');
        int indent = lines.Where(line => line.Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length > indent ? line[indent..] : "")).Trim();
    }

    [GeneratedRegex(@"^ *// sample: (\w+)\n(.*?)^ *// end", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Mark();

    [GeneratedRegex(@"<!-- sample: (\w+) -->\s*```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"\]\((?!http|#)([^)#]+)\)")]
    private static partial Regex Link();
}
