using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>
/// The losses of one-to-one matching: every decoder layer and the encoder's proposals are matched to the truth and compared with it
/// (spec/losses-and-assignment.md §4.1; the proposals count every object as class 0).
/// </summary>
internal static class SetPredictionLoss
{
    /// <summary>All losses, in the order encoder, first layer, …, last layer.</summary>
    internal static LossTable Compute(QueryPredictions predictions, MatchTruth objects, DeformableDetrConfig config)
    {
        Tensor encoder = Layers(predictions.EncoderLogits, predictions.EncoderBoxes, objects with { Labels = null }, config).Losses;
        Tensor decoder = Layers(Tensor.Concat(0, [.. predictions.Logits]), Tensor.Concat(0, [.. predictions.Boxes]), objects, config).Losses;
        Tensor values = Tensor.Concat(0, encoder, decoder).Reshape(-1);
        int layers = predictions.Logits.Count;
        string[] prefixes = ["enc_", .. Enumerable.Range(0, layers).Select(i => i == layers - 1 ? "" : $"d{i}.")];
        return new LossTable([.. prefixes.SelectMany(p => new[] { p + "loss_cls", p + "loss_bbox", p + "loss_iou" })], values, values.SumAll());
    }

    /// <summary>Matches the predictions of several layers and computes their three losses each.</summary>
    /// <param name="logits"><c>f32[layers · batch, predictions, classes]</c></param>
    /// <param name="boxes">Unit boxes <c>f32[layers · batch, predictions, 4]</c>.</param>
    /// <param name="objects">The truth.</param>
    /// <param name="config">Weights and costs.</param>
    /// <returns>Losses <c>f32[layers, 3]</c> and the matching <c>i32[layers · batch, predictions]</c>.</returns>
    internal static (Tensor Losses, Tensor Match) Layers(Tensor logits, Tensor boxes, MatchTruth objects, DeformableDetrConfig config)
    {
        MatchWeights weights = new(config.ClassWeight, config.BoxWeight, config.IouWeight);
        Tensor match;
        using (NoGrad.Begin())
        {
            match = logits.MatchCost(boxes, objects, weights).Hungarian(objects.Counts).Match;
        }

        (int images, int predictions) = (objects.Counts.Shape[0], logits.Shape[1]);
        QueryGroups all = new([predictions]);
        Tensor losses = logits.SetLoss(boxes, match, objects, all, ClassTerm.Focal) * match.SetLossWeights(images, all, weights);
        return (losses.Reshape(-1, 3), match);
    }

    /// <param name="truth">What the pictures show.</param>
    /// <param name="validSizes">Picture sizes before padding, <c>f32[batch, 2]</c>.</param>
    internal static MatchTruth ToMatch(Truth truth, Tensor validSizes) => new(truth.Boxes, truth.Labels, truth.Counts, validSizes);
}
