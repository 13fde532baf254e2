using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Settings of an FCOS head (Tian et al., 2019; spec/collaborative-training.md §5).</summary>
public sealed record FcosConfig : AuxiliaryHeadConfig
{
    /// <inheritdoc/>
    public override string Kind => "fcos";

    /// <summary>Convolutions of each tower, 0 to 5.</summary>
    public int Convs { get; init; } = 1;

    /// <summary>Weight of the focal loss.</summary>
    public float ClassWeight { get; init; } = 1;

    /// <summary>Weight of the generalised-IoU loss.</summary>
    public float BoxWeight { get; init; } = 1;

    /// <summary>Weight of the loss of centre-ness.</summary>
    public float CenternessWeight { get; init; } = 1;

    /// <summary>Whether distances are predicted in strides and cut off at 0; if not, as logarithms of pixels.</summary>
    public bool InStrides { get; init; }

    /// <summary>Whether centre-ness is read from the tower of boxes; if not, from that of classes.</summary>
    public bool CenternessOfBoxes { get; init; }

    /// <summary>What becomes of predictions where the head detects by itself.</summary>
    public DenseDetectionConfig Detection { get; init; } = new();

    /// <inheritdoc/>
    public override AuxiliaryHeadConfig Times(float factor) =>
        this with { ClassWeight = factor * ClassWeight, BoxWeight = factor * BoxWeight, CenternessWeight = factor * CenternessWeight };

    /// <inheritdoc/>
    public override AuxiliaryHeadConfig WithConvs(int convs) => this with { Convs = convs };

    internal override AuxiliaryHead Build(HeadFrame frame) => new FcosHead(this, frame);
}

/// <summary>
/// No anchors: a cell's point answers for the smallest object whose centre is near and whose size fits the level; distances to its four sides
/// (spec/losses-and-assignment.md §5.5). One loss of each kind for all levels.
/// </summary>
internal sealed class FcosHead : DenseHead
{
    private readonly FcosConfig config;
    private readonly PointRange[] ranges;

    internal FcosHead(FcosConfig config, HeadFrame frame)
        : base(frame, new DenseLayout("conv_", config.Convs, HasNorm: true, BoxNumbers: 4, Quality: config.CenternessOfBoxes ? QualityTower.Boxes : QualityTower.Classes))
    {
        this.config = config;
        ranges = PointAssigner.Ranges(frame.Levels, frame.FirstStride);
    }

    internal override HeadOutput Train(DensePredictions found, FeatureMaps maps, Truth truth)
    {
        AnchorGrid grid = AnchorGrid.Points(maps, Frame.FirstStride);
        Assignment assignment = PointAssigner.Assign(maps.Levels, ranges, truth);
        return new HeadOutput(Losses(found, grid, AssignmentTargets.Of(assignment, truth, Frame.Classes)), grid.Candidates(assignment));
    }

    internal override HeadDetections Detect(DensePredictions found, FeatureMaps maps) =>
        DenseDetection.Detect(found, Corners(found, AnchorGrid.Points(maps, Frame.FirstStride), maps.ValidSizes), maps.Levels, 1, config.Detection);

    private Tensor Corners(DensePredictions found, AnchorGrid grid, Tensor? clip = null) =>
        (config.InStrides ? found.Boxes.Relu() * grid.Strides : found.Boxes.Exp()).DecodeDistances(grid.Centers, clip);

    private NamedLoss[] Losses(DensePredictions found, AnchorGrid grid, AssignmentTargets targets)
    {
        Tensor central = grid.Anchors.CenternessTargets(targets.Boxes, targets.Positive);
        LossReduction ofPositives = LossReduction.Over(AverageFactor.ReduceMean(targets.Positives));
        LossReduction ofWeights = LossReduction.Over(AverageFactor.ReduceMean(central.SumAll()), 1e-6f) with { Weight = config.BoxWeight };
        return
        [
            new("loss_cls", found.Logits.FocalLoss(targets.Labels, ofPositives with { Weight = config.ClassWeight })),
            new("loss_bbox", Corners(found, grid).BoxLoss(targets.Boxes, BoxLossKind.GIoU, ofWeights, central)),
            new("loss_centerness", found.Quality!.BinaryCrossEntropy(central, ofPositives with { Weight = config.CenternessWeight }, targets.Positive)),
        ];
    }
}
