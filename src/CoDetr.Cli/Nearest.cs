namespace CoDetr.Cli;

/// <summary>Finds what somebody probably meant.</summary>
internal static class Nearest
{
    /// <summary>The candidate that needs the fewest changed letters, if that is not most of the word; else null.</summary>
    internal static string? To(string word, IEnumerable<string> candidates)
    {
        (string Name, int Distance)[] ranked = [.. candidates.Select(c => (c, Distance(word.ToLowerInvariant(), c.ToLowerInvariant()))).OrderBy(c => c.Item2)];
        return ranked.Length > 0 && ranked[0].Distance <= Math.Max(2, word.Length / 2) ? ranked[0].Name : null;
    }

    /// <summary>"; did you mean X?", or nothing.</summary>
    internal static string Hint(string word, IEnumerable<string> candidates) => To(word, candidates) is string name ? $"; did you mean {name}?" : "";

    /// <summary>Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).</summary>
    private static int Distance(string a, string b)
    {
        int[,] d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    d[i, j] = i + j;
                    continue;
                }

                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
                }
            }
        }

        return d[a.Length, b.Length];
    }
}
