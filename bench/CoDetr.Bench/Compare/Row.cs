namespace CoDetr.Bench;

/// <summary>A bench's figures, and what they say.</summary>
internal sealed class Row(KernelBench bench)
{
    internal const string Header =
        "| op and size | forward ms | rate | % of copy | forward + backward ms | ORT ms, weights stored | ORT ms, weights as inputs | plain C# ms | times as fast | target | |";

    internal const string Rule = "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|";

    /// <summary>Median seconds by side.</summary>
    internal Dictionary<string, double> Seconds { get; } = [];

    /// <summary>What is wrong with the row itself; null if nothing is.</summary>
    internal string? Problem { get; set; }

    internal bool Missed => Problem is null && (bench.TargetRatio > 0 && Ratio < bench.TargetRatio || bench.TargetShare > 0 && Share < bench.TargetShare);

    internal bool HasTarget => bench.TargetRatio > 0 || bench.TargetShare > 0;

    internal string Line =>
        $"| {bench.Name} | {Milliseconds(Side.Ours)} | {Rate} | {(Share is double s ? $"{100 * s:0} %" : "")} | {Milliseconds(Side.Training)} | {Milliseconds(Side.Onnx)} " +
        $"| {Milliseconds(Side.OnnxInputs)} | {Milliseconds(Side.Plain)} | {(Ratio is double r ? $"{r:0.00}×" : "")} | {Target} | {Verdict} |";

    /// <summary>The fastest peer's time over ours.</summary>
    private double? Ratio
    {
        get
        {
            double[] peers = [.. new[] { Side.Onnx, Side.OnnxInputs, Side.Plain }.Where(Seconds.ContainsKey).Select(side => Seconds[side])];
            return peers.Length > 0 && Seconds.TryGetValue(Side.Ours, out double ours) ? peers.Min() / ours : null;
        }
    }

    /// <summary>Our bytes a second over those of a plain copy.</summary>
    private double? Share => Seconds.TryGetValue(Side.Copy, out double copy) && Seconds.TryGetValue(Side.Ours, out double ours)
        ? bench.Bytes / ours / (CopyBandwidth.Bytes / copy)
        : null;

    private string Rate => !Seconds.TryGetValue(Side.Ours, out double ours) ? ""
        : bench.Operations > 0 ? $"{bench.Operations / ours / 1e9:0} GFLOP/s"
        : bench.Bytes > 0 ? $"{bench.Bytes / ours / 1e9:0.0} GB/s"
        : "";

    private string Target => bench.TargetRatio > 0 ? $"{bench.TargetRatio:0.0}×" : bench.TargetShare > 0 ? $"{100 * bench.TargetShare:0} % of copy" : "";

    private string Verdict => Problem ?? (!HasTarget ? "" : !Missed ? "met" : $"missed by {100 * Shortfall:0} %");

    private double Shortfall => bench.TargetRatio > 0 ? 1 - Ratio!.Value / bench.TargetRatio : 1 - Share!.Value / bench.TargetShare;

    private string Milliseconds(string side) => !Seconds.TryGetValue(side, out double s) ? "" : s < 1e-3 ? $"{1e3 * s:0.0000}" : s < 0.1 ? $"{1e3 * s:0.00}" : $"{1e3 * s:0.0}";
}
