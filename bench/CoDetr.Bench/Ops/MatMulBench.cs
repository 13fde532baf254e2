using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>The plain product.</summary>
public class MatMulBench : OpBench<ProductSize>
{
    internal override ProductSize[] Tiny => [new(65, 33, 17)];

    internal override ProductSize[] Counted => [new(512, 256, 256)];

    internal override ProductSize[] Real => [new(2048, 2048, 2048)];

    internal override double Operations => Size.Operations;

    internal override Peer Peer => Peer.OnnxWithWeights;

    internal override double TargetRatio => 1;

    internal override Tensor[] Inputs() => [Uniform(Size.M, Size.K), Uniform(Size.K, Size.N)];

    internal override Tensor Run(Tensor[] t) => t[0].MatMul(t[1]);

    internal override void Build(OnnxModel onnx) =>
        onnx.Output(onnx.Graph.Add("MatMul", [onnx.Input("a", onnx.T[0]), onnx.Weight("b", onnx.T[1])]), [Size.M, Size.N]);
}
