using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Over the queries of a decoder and the tokens of an encoder, one picture and two.</summary>
public class LayerNormBench : OpBench<Rows>
{
    internal override Rows[] Tiny => [new(5, 24)];

    internal override Rows[] Counted => [new(512, 256), new(64, 900)];

    internal override Rows[] Real => [new(300, 256), new(17821, 256), new(35642, 256)];

    internal override long Bytes => 2 * Size.Elements * sizeof(float);

    internal override double TargetShare => Size.Elements * sizeof(float) > Settings.CacheBytes ? 0.8 : 0;

    internal override Peer Peer => Peer.OnnxWithWeights;

    internal override Tensor[] Inputs() => [Uniform(Size.Count, Size.Channels), Uniform(Size.Channels), Uniform(Size.Channels)];

    internal override Tensor Run(Tensor[] t) => t[0].LayerNorm(t[1], t[2]);

    internal override void Build(OnnxModel onnx) => onnx.Output(
        onnx.Graph.Add("LayerNormalization", [onnx.Input("x", onnx.T[0]), onnx.Weight("weight", onnx.T[1]), onnx.Weight("bias", onnx.T[2])], ("axis", -1)),
        [Size.Count, Size.Channels]);
}
