using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>What a head that pools regions makes of a pooled map: classes, the last of which is background, and a box (Shared2FC, 4conv1fc).</summary>
internal sealed class RegionBoxHead : Module
{
    private readonly Linear classes;
    private readonly Linear boxes;
    private readonly ConvTower convs;
    private readonly MapLinear first;
    private readonly Linear[] further;

    /// <param name="config">Layers.</param>
    /// <param name="frame">Classes and channels.</param>
    /// <param name="side">Bins in a row of a pooled map.</param>
    internal RegionBoxHead(FasterRcnnConfig config, HeadFrame frame, int side)
    {
        Check.That(config.FullyConnected > 0, $"at least one fully connected layer is needed, got {config.FullyConnected}.", nameof(RegionBoxHead));
        BoxesPerRegion = config.IsClassAgnostic ? 1 : frame.Classes;
        classes = Add("fc_cls", new Linear(config.Hidden, frame.Classes + 1, Initializer.Gaussian(0.01), Initializer.Zero));
        boxes = Add("fc_reg", new Linear(config.Hidden, 4 * BoxesPerRegion, Initializer.Gaussian(0.001), Initializer.Zero));
        convs = Add("shared_convs", new ConvTower(frame.Width, config.Convs, hasNorm: true, Initializer.KaimingFanOut));
        first = Add("shared_fcs.0", new MapLinear(side, frame.Width, config.Hidden, Initializer.XavierUniform, Initializer.Zero));
        further =
        [
            .. Enumerable.Range(1, config.FullyConnected - 1).Select(i => Add(
                $"shared_fcs.{i}", new Linear(config.Hidden, config.Hidden, Initializer.XavierUniform, Initializer.Zero))),
        ];
    }

    /// <summary>Boxes that are predicted of a region: one for each class, or one for all.</summary>
    internal int BoxesPerRegion { get; }

    /// <summary>The hidden layers.</summary>
    /// <param name="regions">Pooled maps: <c>real[batch, boxes, bins, bins, channels]</c>.</param>
    /// <returns><c>real[batch, boxes, features]</c></returns>
    internal Tensor Hidden(Tensor regions)
    {
        (int batch, int count, int side) = (regions.Shape[0], regions.Shape[1], regions.Shape[2]);
        Tensor pooled = convs.Forward(regions.Reshape(batch * count, side, side, regions.Shape[4]));
        Tensor hidden = further.Aggregate(first.Forward(pooled, Activation.Relu), (x, layer) => layer.Forward(x, Activation.Relu));
        return hidden.Reshape(batch, count, -1);
    }

    /// <returns>Logits of the classes, background last: <c>f32[batch, boxes, classes]</c></returns>
    internal Tensor Classes(Tensor hidden) => classes.ForwardF32(hidden);

    /// <returns>Offsets, <see cref="BoxesPerRegion"/> of each region side by side: <c>f32[batch, rows, 4]</c></returns>
    internal Tensor Offsets(Tensor hidden) => boxes.ForwardF32(hidden).Reshape(hidden.Shape[0], -1, 4);
}
