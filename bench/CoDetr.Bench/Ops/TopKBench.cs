using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>So many of so many, in each row.</summary>
public sealed record TopKSize(int Rows, int Count, int Kept)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Kept} of {Rows}×{Count}";
}

/// <summary>The proposals of a two-stage detector, and its final detections.</summary>
public class TopKBench : OpBench<TopKSize>
{
    internal override TopKSize[] Tiny => [new(2, 30, 7)];

    internal override TopKSize[] Real => [new(1, 17821, 900), new(1, 24000, 100)];

    internal override Peer Peer => Peer.Onnx;

    internal override Tensor[] Inputs() => [Uniform(Size.Rows, Size.Count)];

    internal override Tensor Run(Tensor[] t) => t[0].TopK(Size.Kept).Values;

    internal override void Build(OnnxModel onnx) =>
        onnx.Output(onnx.Graph.AddMany("TopK", 2, [onnx.Input("x", onnx.T[0]), onnx.Graph.Constant(Size.Kept)])[0], [Size.Rows, Size.Kept]);
}
