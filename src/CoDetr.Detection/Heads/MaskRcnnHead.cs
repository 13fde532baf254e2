using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>
/// Settings of a Mask R-CNN head (He et al., 2017): a Faster R-CNN head that learns masks too. Where the truth has none, an object's mask is its box.
/// </summary>
public sealed record MaskRcnnConfig : FasterRcnnConfig
{
    /// <inheritdoc/>
    public override string Kind => "mask-rcnn";

    /// <inheritdoc/>
    public override bool LearnsMasks => true;

    /// <summary>Weight of the binary cross entropy of masks.</summary>
    public float MaskWeight { get; init; } = 1;

    /// <summary>Convolutions before a mask is enlarged.</summary>
    public int MaskConvs { get; init; } = 4;

    /// <inheritdoc/>
    public override AuxiliaryHeadConfig Times(float factor) => (MaskRcnnConfig)base.Times(factor) with { MaskWeight = factor * MaskWeight };

    internal override AuxiliaryHead Build(HeadFrame frame) => new MaskRcnnHead(this, frame);
}

/// <summary>A Faster R-CNN head with a branch for masks; it detects as that one does.</summary>
internal sealed class MaskRcnnHead : FasterRcnnHead
{
    private const int Bins = 14;
    private readonly MaskHead maskHead;
    private readonly MaskRcnnConfig config;

    internal MaskRcnnHead(MaskRcnnConfig config, HeadFrame frame)
        : base(config, frame)
    {
        this.config = config;
        maskHead = Add("mask_head", new MaskHead(config, frame));
    }

    /// <summary>
    /// Mean binary cross entropy of positives' masks, of their own class only. The convolutions are dear, so that the host asks how many positives there are and
    /// leaves out the room that none of the pictures fills.
    /// </summary>
    private protected override IEnumerable<NamedLoss> OtherLosses(FeatureMaps maps, PositiveRegions offered, Truth truth)
    {
        PositiveRegions positives = offered.First(Math.Max(1, offered.Assignment.Index.MostPositives().ToArray<int>()[0]));
        Tensor logits = maskHead.Forward(Pool(maps, positives.Boxes, positives.Counts, Bins), positives.Labels);
        Tensor targets = positives.Boxes.MaskTargets(positives.Assignment.Index, truth.Boxes, truth.Masks, maps.ValidSizes, MaskHead.Scale * Bins);
        int pixels = logits.Shape[^1];
        LossReduction mean = LossReduction.Over(positives.Positives * pixels) with { Weight = config.MaskWeight };
        return [new("loss_mask", logits.BinaryCrossEntropy(targets.Reshape(logits.Shape), mean, positives.Weights))];
    }
}

/// <summary>The mask branch (FCNMaskHead): convolutions, twice the resolution, one filter for each class.</summary>
internal sealed class MaskHead : Module
{
    /// <summary>How much larger masks are than the pooled maps.</summary>
    internal const int Scale = 2;

    private readonly ConvTower convs;
    private readonly Enlarge upsample;
    private readonly Filters filters;

    internal MaskHead(MaskRcnnConfig config, HeadFrame frame)
    {
        convs = Add("convs", new ConvTower(frame.Width, config.MaskConvs, hasNorm: false, Initializer.KaimingFanOut));
        upsample = Add("upsample", new Enlarge(frame.Width));
        filters = Add("conv_logits", new Filters(frame));
    }

    /// <param name="regions">Pooled maps: <c>real[batch, boxes, bins, bins, channels]</c>.</param>
    /// <param name="labels">The class whose mask is wanted: <c>i32[batch, boxes]</c>.</param>
    /// <returns>Logits, row by row: <c>f32[boxes, features]</c></returns>
    internal Tensor Forward(Tensor regions, Tensor labels)
    {
        (int boxes, int side) = (regions.Shape[0] * regions.Shape[1], regions.Shape[2]);
        return filters.Forward(upsample.Forward(convs.Forward(regions.Reshape(boxes, side, side, regions.Shape[4]))), labels.Reshape(-1));
    }

    /// <summary>A transposed convolution with windows that do not overlap, and ReLU.</summary>
    private sealed class Enlarge : Module
    {
        private readonly Parameter weight;
        private readonly Parameter bias;

        internal Enlarge(int width)
        {
            weight = Add("weight", [width, Scale, Scale, width], Initializer.KaimingFanOut, CheckpointLayout.Convolution);
            bias = Add("bias", [width], Initializer.Zero);
        }

        internal Tensor Forward(Tensor x) => x.ConvTranspose2d(weight.Value, bias.Value, stride: Scale).Relu();
    }

    /// <summary>A 1×1 convolution of which only the wanted class is computed.</summary>
    private sealed class Filters : Module
    {
        private readonly Parameter weight;
        private readonly Parameter bias;

        internal Filters(HeadFrame frame)
        {
            weight = Add("weight", [frame.Classes, 1, 1, frame.Width], Initializer.KaimingFanOut, CheckpointLayout.Convolution);
            bias = Add("bias", [frame.Classes], Initializer.Zero);
        }

        internal Tensor Forward(Tensor x, Tensor labels)
        {
            (int boxes, int width) = (x.Shape[0], x.Shape[3]);
            Tensor own = weight.Value.Reshape(-1, width).IndexSelect(labels).Reshape(boxes, 1, width);
            Tensor logits = own.MatMul(x.Reshape(boxes, -1, width), transposeB: true).Reshape(boxes, -1);
            return logits + bias.Value.Reshape(-1, 1).IndexSelect(labels);
        }
    }
}
