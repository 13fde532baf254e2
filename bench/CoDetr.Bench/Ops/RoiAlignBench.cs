using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Boxes of a few pictures, pooled from so many levels; the finest map's size.</summary>
public sealed record RoiSize(int Images, int Boxes, int Levels, int Height, int Width, int Channels, int Bins = 7)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Images}×{Boxes} from {Levels} of {Height}×{Width}×{Channels}, {Bins}×{Bins}";
}

/// <summary>The second stage of a training step: boxes of all sizes, each from its level.</summary>
public class RoiAlignBench : OpBench<RoiSize>
{
    private protected const int Stride = 8;
    private Tensor boxes = null!;

    internal override RoiSize[] Tiny => [new(2, 6, 3, 12, 16, 8)];

    internal override RoiSize[] Counted => [new(1, 16, 4, 40, 56, 256)];

    internal override RoiSize[] Real => [new(2, 512, 4, 100, 136, 256), new(2, 128, 4, 100, 136, 256, 14)];

    internal override Tensor[] Inputs()
    {
        (float height, float width) = (Size.Height * Stride, Size.Width * Stride);
        boxes = Tensor.From<float>(
            [.. Enumerable.Range(0, Size.Images * Size.Boxes).SelectMany(_ =>
            {
                float side = 16 * MathF.Pow(32, Next()), shape = 0.7f + (Next() * 0.6f); // 16 to 512 pixels, as many of each octave
                (float w, float h) = (Math.Min(side * shape, width), Math.Min(side / shape, height));
                (float x, float y) = (Next() * (width - w), Next() * (height - h));
                return (float[])[x, y, x + w, y + h];
            })],
            [Size.Images, Size.Boxes, 4]);
        return [.. Enumerable.Range(0, Size.Levels).Select(level => Uniform(Size.Images, Size.Height >> level, Size.Width >> level, Size.Channels))];
    }

    internal override Tensor Run(Tensor[] t) => Tensor.RoiAlign(t, boxes, Stride, 112, Size.Bins);

    private protected float[] BoxNumbers() => boxes.ToArray();
}

/// <summary>From one map only, as ONNX has it.</summary>
public class RoiAlignMapBench : RoiAlignBench
{
    internal override RoiSize[] Tiny => [new(1, 6, 1, 12, 16, 8)];

    internal override RoiSize[] Counted => Tiny;

    internal override RoiSize[] Real => [new(1, 512, 1, 100, 136, 256)];

    internal override Peer Peer => Peer.Onnx;

    internal override void Build(OnnxModel onnx)
    {
        OnnxGraph graph = onnx.Graph;
        string rois = graph.Initializer<float>("rois", BoxNumbers(), [Size.Boxes, 4]), images = graph.Initializer<long>("images", new long[Size.Boxes], [Size.Boxes]);
        string pooled = graph.Add(
            "RoiAlign", [onnx.Map("map", onnx.T[0]), rois, images], ("output_height", Size.Bins), ("output_width", Size.Bins), ("sampling_ratio", 0),
            ("spatial_scale", 1f / Stride), ("coordinate_transformation_mode", "half_pixel"));
        onnx.MapOutput(pooled, [Size.Boxes, Size.Bins, Size.Bins, Size.Channels]);
    }
}
