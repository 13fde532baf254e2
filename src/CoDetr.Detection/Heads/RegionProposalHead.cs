using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Which of a region-proposal head's boxes are offered.</summary>
/// <param name="PerLevel">The best of each level that are looked at.</param>
/// <param name="Most">Proposals of a picture.</param>
/// <param name="Overlap">Boxes that overlap a better one of their level by more than this IoU are dropped.</param>
public readonly record struct ProposalSettings(int PerLevel, int Most, float Overlap);

/// <summary>Settings of a region-proposal head (Ren et al., 2015; spec/collaborative-training.md §3.1).</summary>
public sealed record RegionProposalConfig
{
    /// <summary>Weight of the binary cross entropy.</summary>
    public float ClassWeight { get; init; } = 1;

    /// <summary>Weight of the L1 loss of offsets.</summary>
    public float BoxWeight { get; init; } = 1;

    /// <summary>Anchors of a picture that are learned from in a step; half of them positive, if there are so many.</summary>
    public int Samples { get; init; } = 256;

    /// <summary>What is offered in training.</summary>
    public ProposalSettings Training { get; init; } = new(4000, 1000, 0.7f);

    /// <summary>What is offered when detecting.</summary>
    public ProposalSettings Inference { get; init; } = new(1000, 1000, 0.7f);

    /// <summary>The same with every loss weight multiplied: by layers · λ2 (paper, equation 6).</summary>
    public RegionProposalConfig Times(float factor) => this with { ClassWeight = factor * ClassWeight, BoxWeight = factor * BoxWeight };
}

/// <summary>Where objects of any class might be: nine anchors for each cell of every map. All heads that pool regions share one.</summary>
internal sealed class RegionProposalHead : Module
{
    private const float PositiveShare = 0.5f;
    private static readonly AnchorShape Anchors = new(4, 3, [0.5f, 1, 2]);
    private static readonly DeltaCoding Coding = (1, 1, 1, 1);
    private static readonly MaxIouAssigner Assigner = new(new MaxIouSettings(0.7f, 0.3f, 0.3f, MatchesLowQuality: true));
    private static readonly Initializer Start = Initializer.Gaussian(0.01);

    /// <summary>Anchors of each cell.</summary>
    internal static int PerToken => Anchors.PerToken;

    private readonly Conv2d conv;
    private readonly Conv2d objectness;
    private readonly Conv2d offsets;
    private readonly RegionProposalConfig config;
    private readonly HeadFrame frame;

    internal RegionProposalHead(RegionProposalConfig config, HeadFrame frame)
    {
        (this.config, this.frame) = (config, frame);
        Conv2d Layer(int outputs, int kernel) => new(frame.Width, outputs, kernel, hasBias: true, start: Start, biasStart: Initializer.Zero);
        conv = Add("rpn_conv", Layer(frame.Width, 3));
        objectness = Add("rpn_cls", Layer(Anchors.PerToken, 1));
        offsets = Add("rpn_reg", Layer(4 * Anchors.PerToken, 1));
    }

    /// <summary>Losses of a batch, and what is offered to the heads that pool regions.</summary>
    /// <param name="maps">The pyramid.</param>
    /// <param name="truth">What the pictures show; classes do not matter.</param>
    /// <param name="draws">This head's own: consumers "positives" and "negatives".</param>
    internal (IReadOnlyList<NamedLoss> Losses, Proposals Proposals) Train(FeatureMaps maps, Truth truth, Draws draws)
    {
        Tensor anchors = maps.Levels.Anchors(Anchors, frame.FirstStride);
        (Tensor logits, Tensor deltas) = Predict(maps);
        Proposals proposals = Select(logits, deltas, anchors, maps, config.Training);
        Assignment sampled = RandomSampler.Sample(Assign(anchors, maps, truth), config.Samples, PositiveShare, draws);
        Truth objects = truth with { Labels = Tensor.Zeros(truth.Labels.Shape, DType.I32, truth.Labels.Device) };
        AssignmentTargets targets = AssignmentTargets.Of(sampled, objects, classes: 1);
        Tensor ofClasses = logits.Reshape([.. logits.Shape, 1]).BinaryCrossEntropy(targets.Labels, LossReduction.EachRow);
        Tensor ofBoxes = deltas.L1Loss(targets.Boxes.EncodeDeltas(anchors, Coding), LossReduction.None, targets.Positive).Sum(-1);
        NamedLoss Loss(string name, Tensor values, float weight) =>
            new(name, AverageFactor.Over(values.LevelSums(maps.Levels, Anchors.PerToken), targets.Samples, weight)); // each replica's own factor
        return ([Loss("loss_rpn_cls", ofClasses, config.ClassWeight), Loss("loss_rpn_bbox", ofBoxes, config.BoxWeight)], proposals);
    }

    /// <summary>The object that each anchor answers for, before sampling.</summary>
    internal Assignment Assign(FeatureMaps maps, Truth truth) => Assign(maps.Levels.Anchors(Anchors, frame.FirstStride), maps, truth);

    /// <summary>What is offered when detecting.</summary>
    internal Proposals Propose(FeatureMaps maps)
    {
        (Tensor logits, Tensor deltas) = Predict(maps);
        return Select(logits, deltas, maps.Levels.Anchors(Anchors, frame.FirstStride), maps, config.Inference);
    }

    private Assignment Assign(Tensor anchors, FeatureMaps maps, Truth truth) =>
        Assigner.Assign(anchors, maps.Levels.ValidPriors(maps.PriorSizes, frame.FirstStride, Anchors.PerToken), null, truth);

    /// <summary>Logits <c>f32[batch, rows]</c> and offsets <c>f32[batch, rows, 4]</c>, the anchors of a cell side by side.</summary>
    private (Tensor Logits, Tensor Deltas) Predict(FeatureMaps maps)
    {
        Check.That(maps.Maps.Count == frame.Levels, $"the head is made for {frame.Levels} maps, got {maps.Maps.Count}.", nameof(RegionProposalHead));
        int batch = maps.Maps[0].Shape[0];
        Tensor tokens = Tensor.Concat(1, [.. maps.Maps.Select(map => conv.Forward(map, Activation.Relu).Reshape(batch, -1, frame.Width))]);
        Tensor row = tokens.Reshape(batch, 1, -1, frame.Width); // 1×1 filters see all levels as one long map
        return (objectness.ForwardF32(row).Reshape(batch, -1), offsets.ForwardF32(row).Reshape(batch, -1, 4));
    }

    private static Proposals Select(Tensor logits, Tensor deltas, Tensor anchors, FeatureMaps maps, ProposalSettings settings)
    {
        using NoGrad off = NoGrad.Begin();
        (FeatureLevels levels, int batch, int rows) = (maps.Levels, logits.Shape[0], logits.Shape[1]);
        int[] sizes = [.. Enumerable.Range(0, levels.Count).Select(i => levels[i].Height * levels[i].Width * Anchors.PerToken)];
        Tensor scores = logits.Sigmoid(), picks = scores.LevelTopRows(sizes, settings.PerLevel);
        Tensor own = anchors.IndexSelect(picks.Reshape(-1)).Reshape(batch, -1, 4);
        Tensor boxes = deltas.GatherRows(picks).DecodeDeltas(own, Coding, maps.ValidSizes), ranked = scores.GatherRows(picks).UnlessEmpty(boxes);
        Tensor level = levels.OfToken.Reshape(1, -1, 1).Expand(batch, levels.Tokens, Anchors.PerToken).Reshape(batch, rows).GatherRows(picks);
        (Tensor kept, Tensor counts) = Tensor.Nms(boxes, ranked, settings.Overlap, settings.Most, level);
        return new Proposals(boxes.GatherRows(kept), ranked.GatherRows(kept), counts);
    }
}
