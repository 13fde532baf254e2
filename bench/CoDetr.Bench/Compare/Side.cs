namespace CoDetr.Bench;

/// <summary>One way of doing a bench's work.</summary>
/// <param name="Run">Does it once; this is what is timed.</param>
/// <param name="Result">What it computes, laid out as ours; null where there is nothing to compare.</param>
internal sealed record Side(Action Run, Func<float[]?> Result)
{
    internal const string Ours = "ours", Training = "training", Copy = "copy", Onnx = "onnx", OnnxInputs = "onnx-inputs", Plain = "plain";

    /// <summary>The sides that a bench has; ours first.</summary>
    internal static IEnumerable<string> Of(KernelBench bench)
    {
        yield return Ours;
        if (bench.Training is not null)
        {
            yield return Training;
        }

        if (bench.Bytes > 0)
        {
            yield return Copy;
        }

        if (bench.Peer is Peer.Onnx or Peer.OnnxWithWeights)
        {
            yield return Onnx;
        }

        if (bench.Peer == Peer.OnnxWithWeights)
        {
            yield return OnnxInputs;
        }

        if (bench.Peer == Peer.Plain)
        {
            yield return Plain;
        }
    }

    /// <summary>Makes a side ready to run.</summary>
    internal static Side Make(KernelBench bench, string name)
    {
        if (name == Copy)
        {
            return new(new CopyBandwidth().Run, () => null);
        }

        bench.Setup();
        switch (name)
        {
            case Ours:
                return new(bench.Forward, () => bench.Comparable(bench.Result()));
            case Training:
                return new(bench.Training!, () => null);
            case Plain:
                return new(() => bench.RunPlain(), () => bench.Comparable(bench.RunPlain()));
            default:
                OnnxPeer peer = new(bench, weightsAsInputs: name == OnnxInputs);
                return new(peer.Run, peer.Result);
        }
    }

    /// <summary>The largest difference of two results, as a fraction of the largest value.</summary>
    internal static double Difference(float[] ours, float[] theirs)
    {
        if (ours.Length != theirs.Length)
        {
            return double.PositiveInfinity;
        }

        double difference = 0, largest = 1e-30;
        for (int i = 0; i < ours.Length; i++)
        {
            double d = Math.Abs(ours[i] - theirs[i]);
            difference = d > difference || double.IsNaN(d) ? d : difference;
            largest = Math.Max(largest, Math.Abs(theirs[i]));
        }

        return double.IsNaN(difference) ? double.PositiveInfinity : difference / largest;
    }
}
