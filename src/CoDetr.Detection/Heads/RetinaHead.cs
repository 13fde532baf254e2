using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Settings of a RetinaNet head (Lin et al., 2017; spec/collaborative-training.md §5).</summary>
public sealed record RetinaConfig : AuxiliaryHeadConfig
{
    /// <inheritdoc/>
    public override string Kind => "retinanet";

    /// <summary>Convolutions of each tower, 0 to 5.</summary>
    public int Convs { get; init; } = 1;

    /// <summary>Weight of the focal loss.</summary>
    public float ClassWeight { get; init; } = 1;

    /// <summary>Weight of the generalised-IoU loss.</summary>
    public float BoxWeight { get; init; } = 2;

    /// <summary>What becomes of predictions where the head detects by itself.</summary>
    public DenseDetectionConfig Detection { get; init; } = new();

    /// <inheritdoc/>
    public override AuxiliaryHeadConfig Times(float factor) => this with { ClassWeight = factor * ClassWeight, BoxWeight = factor * BoxWeight };

    /// <inheritdoc/>
    public override AuxiliaryHeadConfig WithConvs(int convs) => this with { Convs = convs };

    internal override AuxiliaryHead Build(HeadFrame frame) => new RetinaHead(this, frame);
}

/// <summary>
/// Nine anchors for each cell, assigned by their overlap; focal loss and generalised IoU of decoded boxes, each level's on its own
/// (spec/losses-and-assignment.md §5.8). Towers have no norm.
/// </summary>
internal sealed class RetinaHead : DenseHead
{
    private static readonly AnchorShape Anchors = new(4, 3, [0.5f, 1, 2]);
    private static readonly MaxIouAssigner Assigner = new(new MaxIouSettings(Positive: 0.5f, Negative: 0.4f, LeastPositive: 0, MatchesLowQuality: true));

    private readonly RetinaConfig config;

    internal RetinaHead(RetinaConfig config, HeadFrame frame)
        : base(frame, new DenseLayout("retina_", config.Convs, HasNorm: false, BoxNumbers: 4, Anchors.PerToken, HasScales: false)) => this.config = config;

    internal override HeadOutput Train(DensePredictions found, FeatureMaps maps, Truth truth)
    {
        AnchorGrid grid = Grid(maps);
        Assignment assignment = Assigner.Assign(grid.Anchors, grid.Valid, null, truth);
        return new HeadOutput(Losses(found, maps.Levels, grid, AssignmentTargets.Of(assignment, truth, Frame.Classes)), grid.Candidates(assignment));
    }

    internal override HeadDetections Detect(DensePredictions found, FeatureMaps maps) =>
        DenseDetection.Detect(found, Grid(maps).Decode(found.Boxes, clip: maps.ValidSizes), maps.Levels, Anchors.PerToken, config.Detection);

    private AnchorGrid Grid(FeatureMaps maps) => new(maps, Frame.FirstStride, Anchors, (1, 1, 1, 1));

    private NamedLoss[] Losses(DensePredictions found, FeatureLevels levels, AnchorGrid grid, AssignmentTargets targets)
    {
        Tensor ofClasses = found.Logits.FocalLoss(targets.Labels, LossReduction.EachRow);
        Tensor ofBoxes = grid.Decode(found.Boxes).BoxLoss(targets.Boxes, BoxLossKind.GIoU, LossReduction.None, targets.Positive);
        return // this head's factor is each replica's own
        [
            new("loss_cls", AverageFactor.Over(ofClasses.LevelSums(levels, grid.PerToken), targets.PositivesAtLeastOne, config.ClassWeight)),
            new("loss_bbox", AverageFactor.Over(ofBoxes.LevelSums(levels, grid.PerToken), targets.PositivesAtLeastOne, config.BoxWeight)),
        ];
    }
}
