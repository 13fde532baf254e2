using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>
/// The losses of query predictions: main queries are matched to the truth layer by layer, those of other groups know their objects
/// (spec/losses-and-assignment.md §4, spec/collaborative-training.md §6.5).
/// </summary>
internal static class SetPredictionLoss
{
    private static readonly string[] Terms = ["loss_cls", "loss_bbox", "loss_iou"];

    /// <summary>The losses of the encoder's proposals.</summary>
    /// <param name="encoded">The proposals.</param>
    /// <param name="objects">The truth; without labels every object is of class 0.</param>
    /// <param name="config">Weights and costs.</param>
    /// <param name="classWeights"><c>f32[classes]</c>; ones if null.</param>
    internal static LossPart Encoder(EncoderOutput encoded, MatchTruth objects, DetectorConfig config, Tensor? classWeights = null)
    {
        Tensor match = Match(encoded.Logits, encoded.Boxes, objects, config);
        Tensor losses = Losses(encoded.Logits, encoded.Boxes, match, objects, [new QuerySpan(encoded.Boxes.Shape[1])], config, classWeights, []);
        return new LossPart([.. Terms.Select(term => "enc_" + term)], losses);
    }

    /// <summary>The losses of every decoder layer and group.</summary>
    /// <param name="predictions">Of all groups.</param>
    /// <param name="groups">The groups, in the order of their queries.</param>
    /// <param name="objects">The truth.</param>
    /// <param name="config">Weights and costs.</param>
    /// <param name="classWeights"><c>f32[classes]</c>; ones if null.</param>
    internal static LossPart Decoder(
        QueryPredictions predictions, IReadOnlyList<QueryGroup> groups, MatchTruth objects, DetectorConfig config, Tensor? classWeights)
    {
        int layers = predictions.Logits.Count;
        Tensor logits = Tensor.Concat(0, [.. predictions.Logits]), boxes = Tensor.Concat(0, [.. predictions.Boxes]);
        Tensor match = Match(logits, boxes, groups, layers, objects, config);
        bool[] isExtra = [.. groups.Select(group => group.Name.Suffix is not null)];
        Tensor losses = Losses(logits, boxes, match, objects, [.. groups.Select(group => group.Span)], config, classWeights, isExtra);
        IEnumerable<string> names =
            from layer in Enumerable.Range(0, layers)
            from g in groups
            from term in Terms
            select $"{(layer == layers - 1 ? "" : $"d{layer}.")}{g.Name.Prefix}{term}{g.Name.Suffix}";
        return new LossPart([.. names], losses);
    }

    /// <summary>The object of every query in every layer.</summary>
    /// <returns><c>i32[problems, queries]</c>, a problem is a picture in a layer</returns>
    internal static Tensor Match(Tensor logits, Tensor boxes, IReadOnlyList<QueryGroup> groups, int layers, MatchTruth objects, DetectorConfig config)
    {
        using NoGrad off = NoGrad.Begin();
        List<Tensor> parts = [];
        int begin = 0;
        foreach (QueryGroup group in groups)
        {
            int count = group.Span.Count;
            parts.Add(group.Assignment is null
                ? Match(Part(logits, begin, count), Part(boxes, begin, count), objects, config)
                : Tensor.Concat(0, [.. Enumerable.Repeat(group.Assignment.Index, layers)]));
            begin += count;
        }

        return parts.Count == 1 ? parts[0] : Tensor.Concat(1, [.. parts]);

        Tensor Part(Tensor x, int from, int count) => count == x.Shape[1] ? x : x.Slice(1, from, count);
    }

    /// <param name="truth">What the pictures show.</param>
    /// <param name="validSizes">Picture sizes before padding, <c>f32[batch, 2]</c>.</param>
    internal static MatchTruth ToMatch(Truth truth, Tensor validSizes) => new(truth.Boxes, truth.Labels, truth.Counts, validSizes);

    /// <summary>The object of every prediction, by the Hungarian algorithm: <c>i32[problems, predictions]</c>.</summary>
    internal static Tensor Match(Tensor logits, Tensor boxes, MatchTruth objects, DetectorConfig config)
    {
        using NoGrad off = NoGrad.Begin();
        using Stage stage = Stage.Of("matching");
        return logits.MatchCost(boxes, objects, new MatchWeights(config.ClassCost, config.BoxCost, config.IouCost)).Hungarian(objects.Counts).Match;
    }

    private static Tensor Losses(
        Tensor logits, Tensor boxes, Tensor match, MatchTruth objects, QuerySpan[] spans, DetectorConfig config, Tensor? classWeights, bool[] isExtra)
    {
        QueryGroups groups = new(spans.Select(span => span.Count));
        ClassTerm term = config.UsesQuality ? ClassTerm.QualityFocal : ClassTerm.Focal;
        MatchWeights weights = new(config.ClassWeight, config.BoxWeight, config.IouWeight);
        Tensor factors = AverageFactor.ReduceMean(match.CountPositives(objects.Boxes.Shape[0], groups)).SetLossWeights(weights);
        float extra = config.Positives.Weight;
        if (extra != 1 && isExtra.Contains(true))
        {
            int main = Array.LastIndexOf(isExtra, false) + 1;
            factors = Tensor.Concat(0, factors.Slice(0, 0, main), factors.Slice(0, main, groups.Count - main) * extra);
        }

        return logits.SetLoss(boxes, match, objects, groups, term, classWeights) * factors;
    }
}
