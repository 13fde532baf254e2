using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace CoDetr.Bench;

/// <summary>
/// One side in a process of its own: this program with <c>peer BENCH SIDE FILE</c>. It gets ready, writes its result to FILE, says "ready", and then
/// answers every line (how many seconds to measure) with the seconds of one run.
/// </summary>
internal sealed class Child : IDisposable
{
    private const int MostCompared = 1 << 20; // values of a result

    private readonly Process process;
    private readonly string file = Path.GetTempFileName();

    /// <summary>Starts a side; it gets ready while others do.</summary>
    internal Child(KernelBench bench, string side)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, ["peer", bench.Name, side, file]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        process = Process.Start(start) ?? throw new InvalidOperationException("The program could not start itself.");
    }

    /// <summary>What it computed; null where there is nothing to compare.</summary>
    internal float[]? Result { get; private set; }

    /// <summary>Waits until it is ready; false if it failed, which it says on the error stream.</summary>
    internal bool IsReady()
    {
        bool ready = process.StandardOutput.ReadLine() == "ready";
        if (ready && new FileInfo(file).Length > 0)
        {
            Result = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(file)).ToArray();
        }

        return ready;
    }

    /// <summary>Starts a side and waits until it is ready.</summary>
    internal static Child StartReady(KernelBench bench, string side)
    {
        Child child = new(bench, side);
        child.IsReady();
        return child;
    }

    /// <summary>The other end: serves until its input ends.</summary>
    internal static int Serve(string benchName, string sideName, string file)
    {
        KernelBench bench = Settings.Benches().Single(b => b.Name == benchName);
        Side side = Side.Make(bench, sideName);
        side.Run();
        if (side.Result() is float[] result)
        {
            int step = result.Length / MostCompared | 1; // odd: meets every channel
            float[] some = [.. Enumerable.Range(0, (result.Length + step - 1) / step).Select(i => result[i * step])];
            File.WriteAllBytes(file, MemoryMarshal.AsBytes(some.AsSpan()).ToArray());
        }

        Console.WriteLine("ready");
        while (Console.ReadLine() is string seconds)
        {
            double measured = Stopwatches.Median(side.Run, TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture)));
            Console.WriteLine(measured.ToString("R", CultureInfo.InvariantCulture));
        }

        return 0;
    }

    /// <summary>Seconds of one run; null if the process has died.</summary>
    internal double? Measure(double seconds)
    {
        try
        {
            process.StandardInput.WriteLine(seconds.ToString(CultureInfo.InvariantCulture));
            return process.StandardOutput.ReadLine() is string line ? double.Parse(line, CultureInfo.InvariantCulture) : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        process.StandardInput.Close();
        process.WaitForExit();
        process.Dispose();
        File.Delete(file);
    }
}
