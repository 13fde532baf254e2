using System.Numerics;
using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>In which units a head predicts how a box lies relative to a proposal, whose width and height are 1.</summary>
/// <param name="X">Of the centre.</param>
/// <param name="Y">Of the centre.</param>
/// <param name="Width">Of the width's logarithm.</param>
/// <param name="Height">Of the height's logarithm.</param>
public readonly record struct OffsetUnits(float X, float Y, float Width, float Height)
{
    internal DeltaCoding Coding => new(new Vector4(X, Y, Width, Height));

    /// <summary>The four in order.</summary>
    public static implicit operator OffsetUnits((float X, float Y, float Width, float Height) units) => new(units.X, units.Y, units.Width, units.Height);
}

/// <summary>
/// Settings of a Faster R-CNN head (Ren et al., 2015; spec/collaborative-training.md §3.2). Its proposals are those of the model's region-proposal head.
/// </summary>
public record FasterRcnnConfig : AuxiliaryHeadConfig
{
    /// <inheritdoc/>
    public override string Kind => "faster-rcnn";

    /// <inheritdoc/>
    public override bool PoolsRegions => true;

    /// <summary>3×3 convolutions, with group norm, before the fully connected layers.</summary>
    public int Convs { get; init; }

    /// <summary>Fully connected layers before the predictions.</summary>
    public int FullyConnected { get; init; } = 2;

    /// <summary>Their features.</summary>
    public int Hidden { get; init; } = 1024;

    /// <summary>Whether one box is predicted for all classes, not one for each.</summary>
    public bool IsClassAgnostic { get; init; }

    /// <summary>Units of the predicted offsets.</summary>
    public OffsetUnits Units { get; init; } = (0.1f, 0.1f, 0.2f, 0.2f);

    /// <summary>Weight of the cross entropy.</summary>
    public float ClassWeight { get; init; } = 1;

    /// <summary>Weight of the generalised-IoU loss.</summary>
    public float BoxWeight { get; init; } = 10;

    /// <summary>Boxes of a picture that are learned from in a step.</summary>
    public int Samples { get; init; } = 512;

    /// <summary>The largest share of positives among them.</summary>
    public float PositiveShare { get; init; } = 0.25f;

    /// <summary>Detections have a score above it.</summary>
    public float ScoreThreshold { get; init; }

    /// <summary>What becomes of detections that overlap.</summary>
    public SuppressionSettings Suppression { get; init; } = SuppressionSettings.Hard(0.5f);

    /// <summary>The most detections of a picture.</summary>
    public int MaxDetections { get; init; } = 100;

    /// <inheritdoc/>
    public override AuxiliaryHeadConfig Times(float factor) => this with { ClassWeight = factor * ClassWeight, BoxWeight = factor * BoxWeight };

    internal override AuxiliaryHead Build(HeadFrame frame) => new FasterRcnnHead(this, frame);
}

/// <summary>Pools the maps under each proposed box, and says what is there (spec/losses-and-assignment.md §5.9).</summary>
internal class FasterRcnnHead : AuxiliaryHead
{
    private const int Bins = 7;
    private const int FinestScale = 14; // strides of the finest map: the side of boxes from which the next map serves
    private const int MostCandidates = 2000; // of a picture, for positive queries
    private static readonly MaxIouAssigner Assigner = new(new MaxIouSettings(0.5f, 0.5f, 0.5f, MatchesLowQuality: false));

    private readonly RegionBoxHead boxHead;
    private readonly FasterRcnnConfig config;
    private readonly HeadFrame frame;

    internal FasterRcnnHead(FasterRcnnConfig config, HeadFrame frame)
    {
        (this.config, this.frame) = (config, frame);
        boxHead = Add("bbox_head", new RegionBoxHead(config, frame, Bins));
    }

    internal override HeadOutput Train(FeatureMaps maps, Proposals? proposals, Truth truth, Draws draws)
    {
        Proposals offered = Needed(proposals);
        SampledBoxes sampled = RandomSampler.Gather(
            offered.Boxes, offered.Counts, Assign(offered, truth), truth, config.Samples, config.PositiveShare, draws);
        AssignmentTargets targets = AssignmentTargets.Of(sampled.Assignment, truth, frame.Classes);
        Tensor regions = Pool(maps, sampled.Boxes, sampled.Counts, Bins);
        Tensor samples = sampled.Counts.Cast(DType.F32).SumAll(), hidden = boxHead.Hidden(regions), logits = boxHead.Classes(hidden);
        PositiveRegions positives = PositiveRegions.Of(sampled, targets, truth, (int)(config.Samples * config.PositiveShare));
        NamedLoss[] losses =
        [
            new("loss_cls", logits.CrossEntropy(targets.Labels, LossReduction.Over(samples) with { Weight = config.ClassWeight })),
            new("acc", Accuracy(logits.Detach(), targets.Labels, samples)),
            new("loss_bbox", BoxLoss(hidden.Slice(1, 0, positives.Most), positives, samples)),
            .. OtherLosses(maps, positives, truth),
        ];
        return new HeadOutput(losses, Candidates(sampled, regions));
    }

    internal override HeadDetections Detect(FeatureMaps maps, Proposals? proposals)
    {
        Proposals offered = Needed(proposals);
        Tensor hidden = boxHead.Hidden(Pool(maps, offered.Boxes, offered.Counts, Bins));
        Tensor scores = boxHead.Classes(hidden).Softmax().Slice(2, 0, frame.Classes);
        Tensor boxes = boxHead.Offsets(hidden).DecodeDeltas(offered.Boxes, config.Units.Coding, maps.ValidSizes);
        return Suppression.DetectClasses(
            boxes.Reshape(scores.Shape[0], scores.Shape[1], boxHead.BoxesPerRegion, 4), scores, config.Suppression, config.MaxDetections, config.ScoreThreshold,
            offered.Counts);
    }

    /// <summary>The object that each proposal answers for, before sampling.</summary>
    internal static Assignment Assign(Proposals proposals, Truth truth) => Assigner.Assign(proposals.Boxes, null, proposals.Counts, truth);

    /// <summary>Losses beside those of classes and boxes.</summary>
    private protected virtual IEnumerable<NamedLoss> OtherLosses(FeatureMaps maps, PositiveRegions positives, Truth truth) => [];

    /// <summary>The maps under boxes, <c>real[batch, boxes, bins, bins, channels]</c>; the extra map is not looked at.</summary>
    private protected Tensor Pool(FeatureMaps maps, Tensor boxes, Tensor counts, int bins) =>
        Tensor.RoiAlign([.. maps.Maps.Take(frame.Levels - 1)], boxes, frame.FirstStride, FinestScale * frame.FirstStride, bins, counts);

    private static Proposals Needed(Proposals? proposals) =>
        proposals ?? throw new ArgumentNullException(nameof(proposals), "A head that pools regions needs proposals.");

    /// <summary>Per cent of the sampled boxes whose class is the likeliest.</summary>
    private static Tensor Accuracy(Tensor logits, Tensor labels, Tensor samples)
    {
        Tensor miss = (logits.ArgMax(-1).Cast(DType.F32) - labels.Cast(DType.F32)).Abs().Clamp(0, 1);
        return (1 - miss).SumAll() * (100 / samples.Clamp(1, float.PositiveInfinity));
    }

    private Tensor BoxLoss(Tensor hidden, PositiveRegions positives, Tensor samples)
    {
        Tensor deltas = boxHead.Offsets(hidden);
        (int batch, int most) = (hidden.Shape[0], hidden.Shape[1]);
        if (boxHead.BoxesPerRegion > 1)
        {
            deltas = deltas.Reshape(batch * most, boxHead.BoxesPerRegion, 4).GatherRows(positives.Labels.Reshape(-1, 1)).Reshape(batch, most, 4);
        }

        return deltas.DecodeDeltas(positives.Boxes, config.Units.Coding).BoxLoss(
            positives.Targets, BoxLossKind.GIoU, LossReduction.Over(samples) with { Weight = config.BoxWeight }, positives.Weights);
    }

    /// <summary>As many sampled boxes of each picture as the one with fewest has (spec/collaborative-training.md §3.3).</summary>
    private static PositiveCandidates Candidates(SampledBoxes sampled, Tensor regions)
    {
        (int batch, int count, int width) = (regions.Shape[0], regions.Shape[1], regions.Shape[4]);
        Assignment alike = new(sampled.Assignment.Index.KeepFirst(sampled.Counts, MostCandidates));
        return new PositiveCandidates(sampled.Boxes, alike, regions.Reshape(batch, count, -1, width).Mean(2));
    }
}

/// <summary>The sampled boxes of each picture that may be positive: the first ones.</summary>
/// <param name="Boxes">Corners in pixels: <c>f32[batch, boxes, 4]</c>.</param>
/// <param name="Counts">Sampled boxes of each picture, background too: <c>i32[batch]</c>.</param>
/// <param name="Assignment">The objects.</param>
/// <param name="Labels">Their classes, 0 where there is none: <c>i32[batch, boxes]</c>.</param>
/// <param name="Targets">Their corners: <c>f32[batch, boxes, 4]</c>.</param>
/// <param name="Weights">1 for positives, else 0: <c>f32[batch, boxes]</c>.</param>
/// <param name="Positives"><c>f32[1]</c>: how many there are.</param>
internal sealed record PositiveRegions(Tensor Boxes, Tensor Counts, Assignment Assignment, Tensor Labels, Tensor Targets, Tensor Weights, Tensor Positives)
{
    /// <summary>Room for each picture.</summary>
    internal int Most => Boxes.Shape[1];

    /// <summary>The first so many of each picture; there must be no positives beyond.</summary>
    internal PositiveRegions First(int most) => this with
    {
        Boxes = Boxes.Slice(1, 0, most),
        Assignment = new(Assignment.Index.Slice(1, 0, most)),
        Labels = Labels.Slice(1, 0, most),
        Targets = Targets.Slice(1, 0, most),
        Weights = Weights.Slice(1, 0, most),
    };

    /// <param name="sampled">Positives first.</param>
    /// <param name="targets">Of all of them.</param>
    /// <param name="truth">What the pictures show.</param>
    /// <param name="most">The largest number of positives that is sampled.</param>
    internal static PositiveRegions Of(SampledBoxes sampled, AssignmentTargets targets, Truth truth, int most)
    {
        most = Math.Min(most, sampled.Boxes.Shape[1]);
        Assignment assignment = new(sampled.Assignment.Index.Slice(1, 0, most));
        return new PositiveRegions(
            sampled.Boxes.Slice(1, 0, most), sampled.Counts, assignment, truth.Labels.GatherRows(assignment.Index), targets.Boxes.Slice(1, 0, most),
            targets.Positive.Slice(1, 0, most), targets.Positives);
    }
}
