using System.Globalization;
using System.Text;
using CoDetr.SoftGpu;
using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>
/// Counts what every kernel moves, on the soft GPU: sectors, instructions, conflicts. Counts are exact and the same on every machine, so they stand in the
/// repository, and a change that doubles a kernel's traffic is seen without a GPU.
/// </summary>
internal static class TrafficCount
{
    private const string TableFile = "docs/gpu/soft.md";

    /// <summary>Counts, and writes the table, or with <c>--check</c> compares it with the one in the repository. Returns 1 if they differ.</summary>
    internal static int Run(string[] args)
    {
        if (!SoftGpuLibrary.IsInUse || Device.Default is CpuDevice)
        {
            Console.Error.WriteLine("traffic counts on the soft GPU: set CODETR_DEVICE=cuda and CODETR_CUDA_DRIVER=artifacts/softgpu/libcuda.so.1 (scripts/build-softgpu.sh makes it).");
            return 2;
        }

        Settings.Counts = true;
        bool check = args.Contains("--check");
        string[] names = [.. args.Where(arg => arg != "--check")];
        List<TrafficRow> rows = [];
        StringBuilder minima = new("| bench | sectors of a forward | at least | ratio |\n|---|---:|---:|---:|\n");
        foreach (KernelBench bench in Settings.Benches().Where(b => names.Length == 0 || names.Any(n => b.Name.Contains(n, StringComparison.OrdinalIgnoreCase))))
        {
            using StepScope scope = StepScope.Begin();
            bench.Setup();
            List<TrafficRow> forward = Count(bench.Name, "forward", bench.Forward);
            rows.AddRange(forward);
            if (bench.Bytes > 0)
            {
                (long sectors, long least) = (forward.Sum(row => row.Sectors), TrafficRow.SectorsOf(bench.Bytes));
                minima.Append(CultureInfo.InvariantCulture, $"| {bench.Name} | {sectors} | {least} | {(double)sectors / least:F2} |\n");
            }

            if (bench.Training is Action training)
            {
                rows.AddRange(Count(bench.Name, "backward", training).Where(row => !forward.Exists(f => f.Counters.Kernel == row.Counters.Kernel && f.Counters.Launches == row.Counters.Launches)));
            }
        }

        return names.Length > 0 ? Show(Table(rows, minima)) : check ? Compare(Table(rows, minima)) : Write(Table(rows, minima));
    }

    private static List<TrafficRow> Count(string bench, string pass, Action work)
    {
        work(); // what is made once (tables, compiled kernels) does not count
        Device.Default.Synchronize();
        SoftGpuLibrary.TakeCounters();
        work();
        Device.Default.Synchronize();
        string findings = SoftGpuLibrary.TakeFindings();
        return findings.Length == 0
            ? [.. SoftGpuLibrary.TakeCounters().OrderBy(c => c.Kernel, StringComparer.Ordinal).Select(counters => new TrafficRow(bench, pass, counters))]
            : throw new InvalidOperationException($"{bench}: the soft GPU found: {findings}");
    }

    private static string Table(List<TrafficRow> rows, StringBuilder minima)
    {
        StringBuilder text = new("# What the kernels move\n\n");
        text.Append("Counted by the soft GPU (compute capability 8.0, 2 multiprocessors), one call at the size named; no caches are modelled: a sector counts each time a warp asks for it.\n");
        text.Append("Written by `CoDetr.Bench traffic`, compared in `./check.sh softgpu`.\n\n## Against the minimum\n\nEach array read or written once, whole sectors.\n\n");
        text.Append(minima).Append(PlainDeformAttn.Section()).Append("\n## By kernel\n\n").Append(TrafficRow.Header).Append('\n');
        rows.ForEach(row => text.Append(row.Line).Append('\n'));
        return text.ToString();
    }

    private static int Show(string table)
    {
        Console.Write(table);
        return 0;
    }

    private static int Write(string table)
    {
        File.WriteAllText(TableFile, table);
        Console.WriteLine($"Written: {TableFile}");
        return 0;
    }

    private static int Compare(string table)
    {
        string[] now = table.Split('\n'), committed = File.Exists(TableFile) ? File.ReadAllLines(TableFile) : [];
        string[] changed = [.. now.Except(committed).Select(line => "+ " + line), .. committed.Except(now).Select(line => "- " + line)];
        Array.ForEach(changed, Console.Error.WriteLine);
        Console.WriteLine(changed.Length == 0 ? "1 passed, 0 failed" : $"{TableFile} is not what was counted; if the change is meant: CoDetr.Bench traffic\n0 passed, 1 failed");
        return changed.Length == 0 ? 0 : 1;
    }
}
