using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Over the keys of a decoder's self-attention (8 heads × 900 queries), and over the 16 points of each query and head of an encoder.</summary>
public class SoftmaxBench : OpBench<Rows>
{
    internal override Rows[] Tiny => [new(5, 24)];

    internal override Rows[] Counted => [new(64, 900), new(512, 16)];

    internal override Rows[] Real => [new(14400, 900), new(570272, 16)];

    internal override long Bytes => 2 * Size.Elements * sizeof(float);

    internal override double TargetShare => 0.8;

    internal override Peer Peer => Peer.Onnx;

    internal override Tensor[] Inputs() => [Uniform(4f, [Size.Count, Size.Channels])];

    internal override Tensor Run(Tensor[] t) => t[0].Softmax();

    internal override void Build(OnnxModel onnx) =>
        onnx.Output(onnx.Graph.Add("Softmax", [onnx.Input("x", onnx.T[0])], ("axis", -1)), [Size.Count, Size.Channels]);
}
