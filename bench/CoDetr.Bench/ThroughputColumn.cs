using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>GB/s or GFLOP/s of a forward, or its share of this machine's copy bandwidth: the number that says when to stop.</summary>
internal sealed class ThroughputColumn(string name, string legend, Func<KernelBench, double, string> value) : IColumn
{
    private static readonly Lazy<double> Copy = new(CopyBandwidth.Measure);

    public string Id => name;

    public string ColumnName => name;

    public string Legend => legend;

    public bool AlwaysShow => true;

    public bool IsNumeric => true;

    public int PriorityInCategory => 0;

    public ColumnCategory Category => ColumnCategory.Custom;

    public UnitType UnitType => UnitType.Dimensionless;

    internal static IColumn[] All =>
    [
        new ThroughputColumn("Rate", "forward: GFLOP/s, or GB/s where memory is the measure", (bench, seconds) =>
            bench.Operations > 0 ? $"{bench.Operations / seconds / 1e9:0} GFLOP/s" : bench.Bytes > 0 ? $"{bench.Bytes / seconds / 1e9:0.0} GB/s" : "-"),
        new ThroughputColumn("% of copy", "on the CPU: share of the bandwidth of a large memcpy on all cores", (bench, seconds) =>
            bench.Bytes > 0 && Device.Default is CpuDevice ? $"{100 * bench.Bytes / seconds / Copy.Value:0}" : "-"),
    ];

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => GetValue(summary, benchmarkCase, SummaryStyle.Default);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style)
    {
        if (benchmarkCase.Descriptor.WorkloadMethod.Name != nameof(KernelBench.Forward) || summary[benchmarkCase]?.ResultStatistics is not { } statistics)
        {
            return "-";
        }

        KernelBench bench = (KernelBench)Activator.CreateInstance(benchmarkCase.Descriptor.Type)!;
        foreach (var parameter in benchmarkCase.Parameters.Items)
        {
            benchmarkCase.Descriptor.Type.GetProperty(parameter.Name)!.SetValue(bench, parameter.Value);
        }

        return value(bench, statistics.Median * 1e-9);
    }
}
