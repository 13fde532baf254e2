using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Settings of a PAA head (Kim and Lee, 2020; spec/collaborative-training.md §5).</summary>
public sealed record PaaConfig : AuxiliaryHeadConfig
{
    /// <inheritdoc/>
    public override string Kind => "paa";

    /// <summary>Convolutions of each tower, 0 to 5.</summary>
    public int Convs { get; init; } = 1;

    /// <summary>Weight of the focal loss.</summary>
    public float ClassWeight { get; init; } = 1;

    /// <summary>Weight of the generalised-IoU loss.</summary>
    public float BoxWeight { get; init; } = 1.3f;

    /// <summary>Weight of the loss of the predicted IoU.</summary>
    public float OverlapWeight { get; init; } = 0.5f;

    /// <summary>What becomes of predictions where the head detects by itself.</summary>
    public DenseDetectionConfig Detection { get; init; } = new() { ScoreThreshold = 0.05f };

    /// <summary>Whether boxes that were dropped move those that were kept.</summary>
    public bool Votes { get; init; } = true;

    /// <inheritdoc/>
    public override AuxiliaryHeadConfig Times(float factor) =>
        this with { ClassWeight = factor * ClassWeight, BoxWeight = factor * BoxWeight, OverlapWeight = factor * OverlapWeight };

    /// <inheritdoc/>
    public override AuxiliaryHeadConfig WithConvs(int convs) => this with { Convs = convs };

    internal override AuxiliaryHead Build(HeadFrame frame) => new PaaHead(this, frame);
}

/// <summary>
/// Probabilistic anchor assignment: of the anchors that overlap an object those stay positive whose present losses a mixture of two normal distributions
/// counts among the good ones; the IoU of each box is predicted too (spec/losses-and-assignment.md §5.6). One loss of each kind for all levels.
/// </summary>
internal sealed class PaaHead : DenseHead
{
    private static readonly MaxIouAssigner Overlaps = new(new MaxIouSettings(Positive: 0.1f, Negative: 0.1f, LeastPositive: 0, MatchesLowQuality: true));

    private readonly PaaConfig config;

    internal PaaHead(PaaConfig config, HeadFrame frame)
        : base(frame, new DenseLayout("atss_", config.Convs, HasNorm: true, BoxNumbers: 4, Quality: QualityTower.Boxes)) => this.config = config;

    internal override HeadOutput Train(DensePredictions found, FeatureMaps maps, Truth truth)
    {
        AnchorGrid grid = AnchorGrid.Squares(maps, Frame.FirstStride);
        Assignment assignment = Assign(found, grid, maps.Levels, truth).Assignment;
        return new HeadOutput(Losses(found, grid.Decode(found.Boxes), AssignmentTargets.Of(assignment, truth, Frame.Classes)), grid.Candidates(assignment));
    }

    /// <summary>The assignment by overlap, what each anchor costs its object as predictions stand, <c>f32[batch, rows]</c>, and the assignment by both.</summary>
    internal (Assignment First, Tensor Costs, Assignment Assignment) Assign(DensePredictions found, AnchorGrid grid, FeatureLevels levels, Truth truth)
    {
        using NoGrad off = NoGrad.Begin();
        Assignment first = Overlaps.Assign(grid.Anchors, grid.Valid, null, truth);
        AssignmentTargets targets = AssignmentTargets.Of(first, truth, Frame.Classes);
        Tensor ofClass = found.Logits.FocalLoss(targets.Labels, LossReduction.EachRow) * config.ClassWeight;
        Tensor ofBox = grid.Decode(found.Boxes).BoxLoss(targets.Boxes, BoxLossKind.GIoU, LossReduction.None) * config.BoxWeight;
        Tensor costs = ofClass + ofBox;
        return (first, costs, PaaAssigner.Assign(first, costs, levels, grid.PerToken, truth));
    }

    internal override HeadDetections Detect(DensePredictions found, FeatureMaps maps)
    {
        Tensor quality = found.Quality!.Sigmoid(), best = found.Logits.Max(-1).Sigmoid() * quality.Reshape(quality.Shape[0], -1);
        (Tensor rows, _) = DenseDetection.BestRows(best, maps.Levels, 1, config.Detection);
        Tensor boxes = AnchorGrid.Squares(maps, Frame.FirstStride).Decode(found.Boxes, clip: maps.ValidSizes).GatherRows(rows);
        Tensor scores = (found.Logits.GatherRows(rows).Sigmoid() * quality.GatherRows(rows)).Sqrt();
        (int batch, int count, float threshold) = (boxes.Shape[0], boxes.Shape[1], config.Detection.ScoreThreshold);
        HeadDetections kept = Suppression.DetectClasses(
            boxes.Reshape(batch, count, 1, 4), scores, config.Detection.Suppression, config.Detection.MaxDetections, threshold);
        return config.Votes ? kept with { Boxes = kept.Boxes.ScoreVoting(kept.Labels, kept.Counts, boxes, scores, threshold) } : kept;
    }

    private NamedLoss[] Losses(DensePredictions found, Tensor corners, AssignmentTargets targets)
    {
        Tensor overlaps = corners.Detach().AlignedOverlap(targets.Boxes), weights = overlaps.Clamp(1e-12f, 1) * targets.Positive;
        LossReduction ofClasses = LossReduction.Over(targets.Positives, least: overlaps.Shape[0]) with { Weight = config.ClassWeight };
        LossReduction ofBoxes = LossReduction.Over(weights.SumAll(), least: 0) with { Weight = config.BoxWeight };
        LossReduction ofOverlaps = LossReduction.Over(targets.Positives) with { Weight = config.OverlapWeight };
        return // this head's factors are each replica's own
        [
            new("loss_cls", found.Logits.FocalLoss(targets.Labels, ofClasses)),
            new("loss_bbox", corners.BoxLoss(targets.Boxes, BoxLossKind.GIoU, ofBoxes, weights)),
            new("loss_iou", found.Quality!.BinaryCrossEntropy(overlaps, ofOverlaps, targets.Positive)),
        ];
    }
}
