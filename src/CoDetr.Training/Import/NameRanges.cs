namespace CoDetr.Training;

/// <summary>Names that differ in one number, written as one: <c>layers.{0..5}.bias</c>.</summary>
internal static class NameRanges
{
    /// <summary>Every name once, in the order of their first.</summary>
    internal static IEnumerable<string> Of(IEnumerable<string> names)
    {
        List<string[]> rows = [.. names.Select(name => name.Split('.'))];
        int parts = rows.Count > 0 ? rows.Max(row => row.Length) : 0;
        for (int at = 0; at < parts; at++)
        {
            int part = at;
            rows = [.. rows.GroupBy(row => Pattern(row, part)).Select(same => Join([.. same], part))];
        }

        return rows.Select(row => string.Join('.', row));
    }

    /// <summary>The name without the number at a place.</summary>
    private static string Pattern(string[] row, int part) =>
        string.Join('.', row.Select((word, i) => i == part && int.TryParse(word, out _) ? "#" : word));

    private static string[] Join(string[][] same, int part)
    {
        string[] first = [.. same[0]];
        if (same.Length > 1)
        {
            int[] numbers = [.. same.Select(row => int.Parse(row[part])).Order()];
            bool isRun = numbers[^1] - numbers[0] == numbers.Length - 1;
            first[part] = isRun ? $"{{{numbers[0]}..{numbers[^1]}}}" : $"{{{string.Join(',', numbers)}}}";
        }

        return first;
    }
}
