using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Settings of a generalised-focal-loss head (Li et al., 2020; spec/collaborative-training.md §5).</summary>
public sealed record GflConfig : AuxiliaryHeadConfig
{
    /// <inheritdoc/>
    public override string Kind => "gfl";

    /// <summary>Convolutions of each tower, 0 to 5.</summary>
    public int Convs { get; init; } = 1;

    /// <summary>Weight of the quality focal loss.</summary>
    public float ClassWeight { get; init; } = 1;

    /// <summary>Weight of the generalised-IoU loss.</summary>
    public float BoxWeight { get; init; } = 2;

    /// <summary>Weight of the distribution focal loss.</summary>
    public float DistributionWeight { get; init; } = 0.25f;

    /// <summary>What becomes of predictions where the head detects by itself.</summary>
    public DenseDetectionConfig Detection { get; init; } = new();

    /// <inheritdoc/>
    public override AuxiliaryHeadConfig Times(float factor) =>
        this with { ClassWeight = factor * ClassWeight, BoxWeight = factor * BoxWeight, DistributionWeight = factor * DistributionWeight };

    /// <inheritdoc/>
    public override AuxiliaryHeadConfig WithConvs(int convs) => this with { Convs = convs };

    internal override AuxiliaryHead Build(HeadFrame frame) => new GflHead(this, frame);
}

/// <summary>
/// Each side of a box is a distribution over its distance from the cell's point, in strides; the class score is trained to be the box's IoU
/// (spec/losses-and-assignment.md §5.7). Assigned as in ATSS; each level's losses are on their own.
/// </summary>
internal sealed class GflHead : DenseHead
{
    private const int Farthest = 16; // strides; bins are 0 to this

    private readonly GflConfig config;

    internal GflHead(GflConfig config, HeadFrame frame)
        : base(frame, new DenseLayout("gfl_", config.Convs, HasNorm: true, BoxNumbers: 4 * (Farthest + 1))) => this.config = config;

    internal override HeadOutput Train(DensePredictions found, FeatureMaps maps, Truth truth)
    {
        AnchorGrid grid = AnchorGrid.Squares(maps, Frame.FirstStride);
        Assignment assignment = AtssAssigner.Assign(grid.Anchors, maps.Levels, grid.PerToken, grid.Valid!, truth);
        return new HeadOutput(Losses(found, maps.Levels, grid, AssignmentTargets.Of(assignment, truth, Frame.Classes)), grid.Candidates(assignment));
    }

    internal override HeadDetections Detect(DensePredictions found, FeatureMaps maps)
    {
        Tensor corners = Corners(Sides(found), AnchorGrid.Squares(maps, Frame.FirstStride), maps.ValidSizes);
        return DenseDetection.Detect(found, corners, maps.Levels, 1, config.Detection);
    }

    /// <summary>The distributions of the four sides: <c>f32[batch, rows, 4, bins]</c>.</summary>
    private static Tensor Sides(DensePredictions found) => found.Boxes.Reshape(found.Boxes.Shape[0], -1, 4, Farthest + 1);

    private static Tensor Corners(Tensor sides, AnchorGrid grid, Tensor? clip = null) => (sides.Integral() * grid.Strides).DecodeDistances(grid.Centers, clip);

    private NamedLoss[] Losses(DensePredictions found, FeatureLevels levels, AnchorGrid grid, AssignmentTargets targets)
    {
        Tensor sides = Sides(found), corners = Corners(sides, grid);
        Tensor weights = found.Logits.Detach().Sigmoid().Max(-1) * targets.Positive; // surer predictions count more
        Tensor distances = (targets.Boxes.EncodeDistances(grid.Centers) / grid.Strides).Clamp(0, Farthest - 0.1f);
        Tensor positives = AverageFactor.ReduceMean(targets.PositivesAtLeastOne), total = AverageFactor.ReduceMean(weights.SumAll());

        Tensor ofClasses = found.Logits.QualityFocalLoss(targets.Labels, corners.Detach().AlignedOverlap(targets.Boxes), LossReduction.None);
        Tensor ofBoxes = corners.BoxLoss(targets.Boxes, BoxLossKind.GIoU, LossReduction.None, weights);
        Tensor ofSides = sides.DistributionFocalLoss(distances, LossReduction.None, weights.Reshape([.. weights.Shape, 1]).BroadcastTo(distances.Shape));
        return
        [
            new("loss_cls", AverageFactor.Over(ofClasses.LevelSums(levels), positives, config.ClassWeight)),
            new("loss_bbox", AverageFactor.Over(ofBoxes.LevelSums(levels), total, config.BoxWeight)),
            new("loss_dfl", AverageFactor.Over(ofSides.Reshape(weights.Shape[0], -1).LevelSums(levels, 4), total, config.DistributionWeight / 4)),
        ];
    }
}
