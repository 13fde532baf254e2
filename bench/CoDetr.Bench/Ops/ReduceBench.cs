using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Sums along either axis: the last, and the first (a bias's gradient).</summary>
public sealed record ReduceSize(int Axis, int Count, int Channels)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Count}×{Channels} over axis {Axis}";
}

/// <summary>Reads once, writes next to nothing.</summary>
public class ReduceBench : OpBench<ReduceSize>
{
    internal override ReduceSize[] Tiny => [new(0, 5, 24), new(1, 5, 24)];

    internal override ReduceSize[] Real => [new(0, 35642, 256), new(1, 35642, 256)];

    internal override long Bytes => (long)Size.Count * Size.Channels * sizeof(float);

    internal override Peer Peer => Peer.Onnx;

    internal override Tensor[] Inputs() => [Uniform(Size.Count, Size.Channels)];

    internal override Tensor Run(Tensor[] t) => t[0].Sum(Size.Axis);

    internal override void Build(OnnxModel onnx) => onnx.Output(
        onnx.Graph.Add("ReduceSum", [onnx.Input("x", onnx.T[0]), onnx.Graph.Constant(Size.Axis)], ("keepdims", 0)),
        [Size.Axis == 0 ? Size.Channels : Size.Count]);
}
