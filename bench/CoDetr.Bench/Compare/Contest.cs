namespace CoDetr.Bench;

/// <summary>
/// The sides of a bench side by side: each in its own process, all ready beforehand, taking turns round after round, so that whatever else the machine
/// does meets all of them. A side's figure is the median over the rounds.
/// </summary>
internal static class Contest
{
    private const double Agreement = 1e-3; // of the largest value: float sums over up to a few thousand terms, in different orders
    private const double Pause = 0.03;     // seconds before a side's turn: the other's threads stop spinning

    /// <summary>Runs the comparison and writes the table. Returns 1 if something has no result or results differ.</summary>
    internal static int Run(string[] args)
    {
        int rounds = 5;
        double seconds = 0.2;
        List<string> names = [];
        for (int i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--rounds":
                    rounds = int.Parse(args[++i]);
                    break;
                case "--seconds":
                    seconds = double.Parse(args[++i]);
                    break;
                default:
                    names.Add(args[i]);
                    break;
            }
        }

        KernelBench[] benches = [.. Settings.Benches().Where(b => names.Count == 0 || names.Exists(n => b.Name.Contains(n, StringComparison.OrdinalIgnoreCase)))];
        if (benches.Length == 0)
        {
            Console.Error.WriteLine($"No benchmark's name contains {string.Join(" or ", names)}. There are: {string.Join("; ", Settings.Benches().Select(b => b.Name))}");
            return 1;
        }

        List<Row> rows = [];
        Child? copy = null;
        foreach (KernelBench bench in benches)
        {
            copy ??= bench.Bytes > 0 ? Child.StartReady(bench, Side.Copy) : null; // one for all: it is the same work every time
            rows.Add(Compare(bench, copy, rounds, seconds));
            Console.WriteLine(rows[^1].Line);
        }

        copy?.Dispose();

        Table.Write(rows, rounds, complete: names.Count == 0);
        return rows.TrueForAll(row => row.Problem is null) ? 0 : 1;
    }

    private static Row Compare(KernelBench bench, Child? copy, int rounds, double seconds)
    {
        string[] sides = [.. Side.Of(bench)];
        Child[] children = [.. sides.Select(side => side == Side.Copy ? copy! : new Child(bench, side))];
        try
        {
            bool[] ready = [.. children.Select(child => child == copy || child.IsReady())];
            Row row = new(bench) { Problem = Disagreement(sides, children) };
            List<double>[] measured = [.. sides.Select(_ => new List<double>())];
            for (int round = 0; round < rounds; round++)
            {
                for (int i = 0; i < sides.Length; i++)
                {
                    Thread.Sleep(TimeSpan.FromSeconds(Pause));
                    if (ready[i] && children[i].Measure(seconds) is double one)
                    {
                        measured[i].Add(one);
                    }
                }
            }

            for (int i = 0; i < sides.Length; i++)
            {
                if (measured[i].Count == rounds)
                {
                    row.Seconds[sides[i]] = Stopwatches.Median(measured[i]);
                }
                else
                {
                    row.Problem = $"no result: {sides[i]}";
                }
            }

            return row;
        }
        finally
        {
            foreach (Child child in children.Where(child => child != copy))
            {
                child.Dispose();
            }
        }
    }

    private static string? Disagreement(string[] sides, Child[] children)
    {
        float[]? ours = children[0].Result;
        for (int i = 1; i < sides.Length; i++)
        {
            if (ours is not null && children[i].Result is float[] theirs && Side.Difference(ours, theirs) is double d and > Agreement)
            {
                return $"{sides[i]} computes something else (by {d:g2})";
            }
        }

        return null;
    }
}
