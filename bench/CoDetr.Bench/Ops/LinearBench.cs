using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Layers over the tokens of two pictures: a projection, and the first half of a feed-forward network. Sizes: tokens × outputs × inputs.</summary>
public class LinearBench : OpBench<ProductSize>
{
    internal override ProductSize[] Tiny => [new(65, 33, 17)];

    internal override ProductSize[] Counted => [new(1024, 256, 256)];

    internal override ProductSize[] Real => [new(35642, 256, 256), new(35642, 1024, 256)];

    internal override double Operations => Size.Operations;

    internal override Peer Peer => Peer.OnnxWithWeights;

    internal override double TargetRatio => 1;

    internal override Tensor[] Inputs() => [Uniform(Size.M, Size.K), Uniform(Size.N, Size.K)];

    internal override Tensor Run(Tensor[] t) => t[0].Linear(t[1]);

    /// <summary>The weight goes in as ONNX Runtime likes it best: already transposed.</summary>
    internal override void Build(OnnxModel onnx) =>
        onnx.Output(onnx.Graph.Add("MatMul", [onnx.Input("x", onnx.T[0]), onnx.Transposed("weight", onnx.T[1])]), [Size.M, Size.N]);
}
