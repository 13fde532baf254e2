using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Settings of an ATSS head (Zhang et al., 2020; spec/collaborative-training.md §4).</summary>
public sealed record AtssConfig : AuxiliaryHeadConfig
{
    /// <inheritdoc/>
    public override string Kind => "atss";

    /// <summary>Convolutions of each tower, 0 to 5.</summary>
    public int Convs { get; init; } = 1;

    /// <summary>Weight of the focal loss.</summary>
    public float ClassWeight { get; init; } = 1;

    /// <summary>Weight of the generalised-IoU loss.</summary>
    public float BoxWeight { get; init; } = 2;

    /// <summary>Weight of the loss of centre-ness.</summary>
    public float CenternessWeight { get; init; } = 1;

    /// <summary>What becomes of predictions where the head detects by itself.</summary>
    public DenseDetectionConfig Detection { get; init; } = new();

    /// <inheritdoc/>
    public override AuxiliaryHeadConfig Times(float factor) =>
        this with { ClassWeight = factor * ClassWeight, BoxWeight = factor * BoxWeight, CenternessWeight = factor * CenternessWeight };

    /// <inheritdoc/>
    public override AuxiliaryHeadConfig WithConvs(int convs) => this with { Convs = convs };

    internal override AuxiliaryHead Build(HeadFrame frame) => new AtssHead(this, frame);
}

/// <summary>
/// Adaptive training sample selection: one square anchor for each cell, focal loss, generalised IoU weighted by centre-ness, and centre-ness itself, each
/// level's losses on their own (spec/losses-and-assignment.md §5.4).
/// </summary>
internal sealed class AtssHead : DenseHead
{
    private readonly AtssConfig config;

    internal AtssHead(AtssConfig config, HeadFrame frame)
        : base(frame, new DenseLayout("atss_", config.Convs, HasNorm: true, BoxNumbers: 4, Quality: QualityTower.Boxes)) => this.config = config;

    internal override HeadOutput Train(DensePredictions found, FeatureMaps maps, Truth truth)
    {
        AnchorGrid grid = AnchorGrid.Squares(maps, Frame.FirstStride);
        Assignment assignment = AtssAssigner.Assign(grid.Anchors, maps.Levels, grid.PerToken, grid.Valid!, truth);
        return new HeadOutput(Losses(found, maps.Levels, grid, AssignmentTargets.Of(assignment, truth, Frame.Classes)), grid.Candidates(assignment));
    }

    internal override HeadDetections Detect(DensePredictions found, FeatureMaps maps)
    {
        Tensor corners = AnchorGrid.Squares(maps, Frame.FirstStride).Decode(found.Boxes, clip: maps.ValidSizes);
        return DenseDetection.Detect(found, corners, maps.Levels, 1, config.Detection);
    }

    private NamedLoss[] Losses(DensePredictions found, FeatureLevels levels, AnchorGrid grid, AssignmentTargets targets)
    {
        Tensor central = grid.Anchors.CenternessTargets(targets.Boxes, targets.Positive);
        Tensor positives = AverageFactor.ReduceMean(targets.PositivesAtLeastOne), weights = AverageFactor.ReduceMean(central.SumAll());
        Tensor ofClasses = found.Logits.FocalLoss(targets.Labels, LossReduction.EachRow);
        Tensor ofBoxes = grid.Decode(found.Boxes).BoxLoss(targets.Boxes, BoxLossKind.GIoU, LossReduction.None, central);
        Tensor ofCenters = found.Quality!.BinaryCrossEntropy(central, LossReduction.EachRow, targets.Positive);
        return
        [
            new("loss_cls", AverageFactor.Over(ofClasses.LevelSums(levels), positives, config.ClassWeight)),
            new("loss_bbox", AverageFactor.Over(ofBoxes.LevelSums(levels), weights, config.BoxWeight)),
            new("loss_centerness", AverageFactor.Over(ofCenters.LevelSums(levels), positives, config.CenternessWeight)),
        ];
    }
}
