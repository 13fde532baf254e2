using System.Diagnostics;

namespace CoDetr.Bench;

/// <summary>Shows that nothing here has rotted: every benchmark runs once at a tiny size, and every peer computes what we compute.</summary>
internal static class Smoke
{
    private const double Agreement = 1e-5;

    /// <summary>Returns 1 if a benchmark has no result, or a peer another one.</summary>
    internal static int Run()
    {
        Settings.Smoke = true;
        long begin = Stopwatch.GetTimestamp();
        int sides = 0, wrong = 0;
        foreach (KernelBench bench in Settings.Benches())
        {
            float[]? ours = null;
            foreach (string name in Side.Of(bench))
            {
                sides++;
                try
                {
                    Side side = Side.Make(bench, name);
                    side.Run();
                    float[]? result = side.Result();
                    ours ??= result;
                    if (result is not null && Side.Difference(ours!, result) is double d and > Agreement)
                    {
                        Console.Error.WriteLine($"{bench.Name}: {name} computes something else (by {d:g2})");
                        wrong++;
                    }
                }
                catch (Exception e)
                {
                    Console.Error.WriteLine($"{bench.Name}: {name}: {e.Message}");
                    wrong++;
                }
            }
        }

        bool all = Benchmarks.RunOnce();
        Console.WriteLine($"{sides} sides of {Settings.Benches().Count()} benchmark sizes ran, {wrong} wrong; BenchmarkDotNet {(all ? "has" : "lacks")} results; "
            + $"{Stopwatch.GetElapsedTime(begin).TotalSeconds:0} s");
        return wrong == 0 && all ? 0 : 1;
    }
}
