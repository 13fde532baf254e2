using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>The one max pooling of a ResNet: 3×3, every second pixel.</summary>
public class PoolBench : OpBench<MapSize>
{
    private int OutHeight => (Size.Height + 1) / 2;

    private int OutWidth => (Size.Width + 1) / 2;

    internal override MapSize[] Tiny => [new(7, 8, 5)];

    internal override MapSize[] Counted => [new(28, 28, 64)];

    internal override MapSize[] Real => [new(400, 544, 64)];

    internal override long Bytes => (Size.Elements + (long)OutHeight * OutWidth * Size.Channels) * sizeof(float);

    internal override Peer Peer => Peer.Onnx;

    internal override Tensor[] Inputs() => [Uniform(1, Size.Height, Size.Width, Size.Channels)];

    internal override Tensor Run(Tensor[] t) => t[0].MaxPool2d(3, 2, 1);

    internal override void Build(OnnxModel onnx) => onnx.MapOutput(
        onnx.Graph.Add(
            "MaxPool", [onnx.Map("x", onnx.T[0])], ("kernel_shape", new[] { 3, 3 }), ("strides", new[] { 2, 2 }), ("pads", new[] { 1, 1, 1, 1 })),
        [1, OutHeight, OutWidth, Size.Channels]);
}
