using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>
/// The idea of Co-DETR: one-to-many heads on the encoder's output, whose losses train the encoder and whose positives become extra decoder queries. They run
/// before the decoder, so that all queries pass through it at once (spec/collaborative-training.md; paper, §3).
/// </summary>
internal sealed class CollaborativeHeads : Module
{
    private readonly RegionProposalHead? proposalHead;
    private readonly AuxiliaryHead[] heads;
    private readonly string[] names; // of the heads' draws: kind and number among its kind, so that another order of the list draws the same
    private readonly DetectorConfig config;

    internal CollaborativeHeads(DetectorConfig config)
    {
        this.config = config;
        HeadFrame frame = new(config.Classes, config.Width, config.Pyramid.Levels, config.Pyramid.FirstStride);
        IReadOnlyList<AuxiliaryHeadConfig> ordered = config.OrderedAuxiliary;
        int regional = ordered.Count(head => head.PoolsRegions);
        proposalHead = config.Proposals is { } proposals ? Add("rpn_head", new RegionProposalHead(proposals, frame)) : null;
        Check.That(regional == 0 || proposalHead is not null, "heads that pool regions need a region-proposal head.", nameof(CollaborativeHeads));
        heads = [.. ordered.Select((head, i) => Add(i < regional ? $"roi_head.{i}" : $"bbox_head.{i - regional}", head.Build(frame)))];
        names = [.. ordered.Select((head, i) => $"{head.Kind}.{ordered.Take(i).Count(other => other.Kind == head.Kind)}")];
    }

    /// <summary>The head that offers regions to those that pool them.</summary>
    internal RegionProposalHead? ProposalHead => proposalHead;

    /// <summary>The auxiliary heads in their official order.</summary>
    internal IReadOnlyList<AuxiliaryHead> Heads => heads;

    /// <summary>Under which names they draw.</summary>
    internal IReadOnlyList<string> DrawNames => names;

    /// <summary>Runs every head.</summary>
    /// <param name="maps">The encoder's output.</param>
    /// <param name="truth">What the pictures show.</param>
    /// <param name="draws">Random numbers of the step.</param>
    /// <returns>The heads' losses under their full names, and the positive queries of each.</returns>
    internal (IReadOnlyList<LossPart> Losses, IReadOnlyList<PositiveQueries> Positives) Train(FeatureMaps maps, Truth truth, Draws draws)
    {
        List<LossPart> losses = [];
        Proposals? proposals = null;
        if (proposalHead is not null)
        {
            (IReadOnlyList<NamedLoss> ofProposals, proposals) = proposalHead.Train(maps, truth, draws.For("rpn"));
            losses.AddRange(ofProposals.Select(loss => LossPart.Of(loss)));
        }

        PositiveCandidates[] candidates = new PositiveCandidates[heads.Length];
        for (int i = 0; i < heads.Length; i++)
        {
            HeadOutput output = heads[i].Train(maps, proposals, truth, draws.For(names[i]));
            losses.AddRange(output.Losses.Select(loss => LossPart.Of(loss, $"{i}")));
            candidates[i] = output.Candidates;
        }

        return (config.TrainsAuxiliary ? losses : [], config.Positives.IsOn ? Select(maps, candidates, truth, draws) : []);
    }

    /// <summary>Finds objects with one head.</summary>
    internal HeadDetections Detect(int head, FeatureMaps maps) => heads[head].Detect(maps, proposalHead?.Propose(maps));

    /// <summary>
    /// The positives of each head as queries. How many is the host's business: all counts come home in one transfer, the only one of a training step before
    /// its report.
    /// </summary>
    private PositiveQueries[] Select(FeatureMaps maps, PositiveCandidates[] candidates, Truth truth, Draws draws)
    {
        if (candidates.Length == 0)
        {
            return [];
        }

        (int batch, PositiveSettings settings) = (maps.Maps[0].Shape[0], config.Positives);
        Tensor tokens = Tensor.Concat(1, [.. maps.Maps.Select(map => map.Reshape(batch, -1, config.Width))]);
        int[] counts = Tensor.Concat(0, [.. candidates.Select(PositiveSelection.CountLargest)]).ToArray<int>();
        return [.. candidates.Select((offered, i) => PositiveSelection.Select(
            offered, PositiveSelection.Length(counts[i], settings.Most), tokens, maps.ValidSizes, settings.PadsWithZeros, draws.For($"{names[i]}.queries")))];
    }
}
