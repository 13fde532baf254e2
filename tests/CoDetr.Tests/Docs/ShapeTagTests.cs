using System.Text.RegularExpressions;

namespace CoDetr.Tests.Docs;

/// <summary>A public member that takes or returns a tensor says its type and dimensions, in words of the glossary.</summary>
public sealed partial class ShapeTagTests
{
    private static IEnumerable<string> Sources => Repository.Files("src/CoDetr.Tensors/Ops", ".cs").Concat(Repository.Files("src/CoDetr.Detection", ".cs"));

    [Fact]
    public void PublicMembersWithTensorsCarryAShapeTag() => Assert.Empty(
        from path in Sources
        from member in Members(path)
        where !member.Documentation.Contains("inheritdoc", StringComparison.Ordinal) && !Tag().IsMatch(member.Documentation)
        select $"{path}: {member.Line.Trim()}");

    [Fact]
    public void DimensionsAreWordsOfTheGlossary()
    {
        string[] known = [.. Word().Matches(Repository.Read("docs/glossary.md").Split("## Dimensions")[1]).Select(m => m.Value)];
        Assert.Empty(
            from path in Sources
            from member in Members(path)
            from Match tag in Tag().Matches(member.Documentation)
            from Match word in Word().Matches(tag.Groups[1].Value)
            where !known.Contains(word.Value)
            select $"{path}: {word.Value}");
    }

    private static IEnumerable<(string Line, string Documentation)> Members(string path)
    {
        string[] lines = Repository.Read(path).Split('\n');
        string family = ""; // what works on any shape says so once, above its class
        for (int i = 0; i < lines.Length; i++)
        {
            string above = string.Join('\n', lines.Take(i).Reverse().TakeWhile(line => line.TrimStart() is ['/', '/', '/', ..] or ['[', ..]));
            if (OpClass().IsMatch(lines[i]))
            {
                family = above;
            }
            else if (Member().IsMatch(lines[i]))
            {
                yield return (lines[i], above + family);
            }
        }
    }

    [GeneratedRegex(@"^public static class \w+Op\b")]
    private static partial Regex OpClass();

    // A class, a record's head or a delegate is documented by its parts.
    [GeneratedRegex(@"^\s+public (?!.*\b(class|record|delegate|enum|interface)\b).*\bTensor\b")]
    private static partial Regex Member();

    [GeneratedRegex(@"<c>(?:real|f32|f64|f16|bf16|i32|i64|u8|bool)(?:\[([^\]]*)\]|<)")]
    private static partial Regex Tag();

    [GeneratedRegex(@"[a-zA-Z_]\w*")]
    private static partial Regex Word();
}
