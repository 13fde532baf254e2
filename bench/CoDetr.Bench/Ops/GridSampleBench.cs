using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>A map sampled anywhere, once per pixel: one level of deformable attention as exporters write it.</summary>
public class GridSampleBench : OpBench<MapSize>
{
    internal override MapSize[] Tiny => [new(5, 6, 8)];

    internal override MapSize[] Real => [new(100, 134, 256)];

    internal override Peer Peer => Peer.Onnx;

    internal override Tensor[] Inputs() => [Uniform(1, Size.Height, Size.Width, Size.Channels), Uniform(1, Size.Height, Size.Width, 2)];

    internal override Tensor Run(Tensor[] t) => t[0].GridSample(t[1]);

    internal override void Build(OnnxModel onnx) => onnx.MapOutput(
        onnx.Graph.Add(
            "GridSample", [onnx.Map("x", onnx.T[0]), onnx.Input("grid", onnx.T[1])],
            ("mode", "bilinear"), ("padding_mode", "zeros"), ("align_corners", 0)),
        [1, Size.Height, Size.Width, Size.Channels]);
}

/// <summary>A level of the pyramid, doubled.</summary>
public class InterpolateBench : OpBench<MapSize>
{
    internal override MapSize[] Tiny => [new(5, 6, 8)];

    internal override MapSize[] Real => [new(50, 68, 256)];

    internal override Peer Peer => Peer.Onnx;

    internal override Tensor[] Inputs() => [Uniform(1, Size.Height, Size.Width, Size.Channels)];

    internal override Tensor Run(Tensor[] t) => t[0].Interpolate((2 * Size.Height, 2 * Size.Width));

    internal override void Build(OnnxModel onnx) => onnx.MapOutput(
        onnx.Graph.Add(
            "Resize", [onnx.Map("x", onnx.T[0]), "", onnx.Graph.Initializer<float>("scales", [1, 1, 2, 2], [4])],
            ("mode", "linear"), ("coordinate_transformation_mode", "half_pixel")),
        [1, 2 * Size.Height, 2 * Size.Width, Size.Channels]);
}
