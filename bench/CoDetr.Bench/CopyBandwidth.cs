using System.Diagnostics;
using System.Runtime.InteropServices;

namespace CoDetr.Bench;

/// <summary>What this machine's memory gives: a large <c>memcpy</c> split over as many threads as kernels run on, bytes read plus bytes written.</summary>
internal sealed unsafe class CopyBandwidth : IDisposable
{
    private static readonly long Size = Settings.Smoke ? 8L << 20 : 256L << 20;

    private readonly byte* from, to;

    internal CopyBandwidth()
    {
        from = (byte*)NativeMemory.AlignedAlloc((nuint)Size, 4096);
        to = (byte*)NativeMemory.AlignedAlloc((nuint)Size, 4096);
        NativeMemory.Fill(from, (nuint)Size, 1); // pages exist before anything is measured
        NativeMemory.Fill(to, (nuint)Size, 2);
    }

    internal static long Bytes => 2 * Size;

    public void Dispose()
    {
        NativeMemory.AlignedFree(from);
        NativeMemory.AlignedFree(to);
    }

    internal void Run()
    {
        int threads = Environment.ProcessorCount;
        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, i =>
        {
            long begin = Size * i / threads, end = Size * (i + 1) / threads;
            NativeMemory.Copy(from + begin, to + begin, (nuint)(end - begin));
        });
    }

    /// <summary>Bytes a second, the median of a few copies.</summary>
    internal static double Measure()
    {
        using CopyBandwidth copy = new();
        return Bytes / Stopwatches.Median(copy.Run, atLeast: TimeSpan.FromSeconds(Settings.Smoke ? 0 : 0.5));
    }
}

/// <summary>Timing.</summary>
internal static class Stopwatches
{
    /// <summary>Seconds of one run: runs once unmeasured, then at least three times and for at least the given time, and takes the median.</summary>
    internal static double Median(Action run, TimeSpan atLeast)
    {
        run();
        List<double> seconds = [];
        long begin = Stopwatch.GetTimestamp();
        do
        {
            long before = Stopwatch.GetTimestamp();
            run();
            seconds.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
        }
        while (seconds.Count < 3 || Stopwatch.GetElapsedTime(begin) < atLeast);
        return Median(seconds);
    }

    internal static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
