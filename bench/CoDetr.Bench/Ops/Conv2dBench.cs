using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Convolutions of ResNet-50 at 800×1088, with bias and ReLU in the same pass as everywhere in that network.</summary>
public class Conv2dBench : OpBench<ConvolutionSize>
{
    internal static readonly ConvolutionSize[] Square = [new(64, 64, 3, 200, 272), new(256, 256, 3, 50, 68), new(512, 512, 3, 25, 34)];

    internal override ConvolutionSize[] Tiny => [new(5, 7, 3, 9, 10), new(5, 7, 1, 9, 10), new(5, 7, 7, 9, 10, Stride: 2)];

    internal override ConvolutionSize[] Real => [.. Square, new(256, 64, 1, 200, 272), new(3, 64, 7, 800, 1088, Stride: 2)];

    internal override double Operations => Size.Operations;

    internal override Peer Peer => Peer.OnnxWithWeights;

    internal override double TargetRatio => 1;

    internal override Tensor[] Inputs() => [Uniform(1, Size.Height, Size.Width, Size.Inputs), Filter(), Uniform(Size.Outputs)];

    internal override Tensor Run(Tensor[] t) => Layer(t[0], t);

    internal override void Build(OnnxModel onnx) => onnx.MapOutput(
        Layer(onnx, onnx.Map("x", onnx.T[0]), onnx.Filter("weight", onnx.T[1]), onnx.Weight("bias", onnx.T[2])),
        [1, Size.OutHeight, Size.OutWidth, Size.Outputs]);

    private protected Tensor Layer(Tensor x, Tensor[] t) =>
        x.Conv2d(t[1], new() { Bias = t[2], Stride = Size.Stride, Padding = Size.Padding, Activation = Activation.Relu });

    private protected string Layer(OnnxModel onnx, string x, string weight, string bias)
    {
        int pad = Size.Padding;
        return onnx.Graph.Add("Relu", [onnx.Graph.Add(
            "Conv", [x, weight, bias], ("strides", new[] { Size.Stride, Size.Stride }), ("pads", new[] { pad, pad, pad, pad }))]);
    }

    /// <summary>Keeps the size of the numbers, so that a chain neither overflows nor dies out.</summary>
    private Tensor Filter() =>
        Uniform(MathF.Sqrt(6f / (Size.Inputs * Size.Kernel * Size.Kernel)), [Size.Outputs, Size.Kernel, Size.Kernel, Size.Inputs]);
}

/// <summary>Eight convolutions one after another, so that a peer pays for its own layout of maps once.</summary>
public class Conv2dChainBench : Conv2dBench
{
    private const int Length = 8;

    internal override ConvolutionSize[] Tiny => [new(4, 4, 3, 9, 10)];

    internal override ConvolutionSize[] Real => Square;

    internal override double Operations => Length * Size.Operations;

    internal override Tensor Run(Tensor[] t)
    {
        Tensor x = t[0];
        for (int i = 0; i < Length; i++)
        {
            x = Layer(x, t);
        }

        return x;
    }

    internal override void Build(OnnxModel onnx)
    {
        string x = onnx.Map("x", onnx.T[0]), weight = onnx.Filter("weight", onnx.T[1]), bias = onnx.Weight("bias", onnx.T[2]);
        for (int i = 0; i < Length; i++)
        {
            x = Layer(onnx, x, weight, bias);
        }

        onnx.MapOutput(x, [1, Size.OutHeight, Size.OutWidth, Size.Outputs]);
    }
}
