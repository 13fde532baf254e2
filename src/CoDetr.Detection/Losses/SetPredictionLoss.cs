using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>
/// The losses of one-to-one matching: every decoder layer and the encoder's proposals are matched to the truth and compared with it
/// (spec/losses-and-assignment.md §4.1; the proposals count every object as class 0).
/// </summary>
internal static class SetPredictionLoss
{
    private const float Epsilon = 1.1920929e-07f; // the reference adds it to every averaging factor

    /// <summary>All losses, in the order encoder, first layer, …, last layer.</summary>
    internal static LossTable Compute(QueryPredictions predictions, Truth truth, IReadOnlyList<ImageSize> sizes, DeformableDetrConfig config)
    {
        MatchTruth objects = ToMatch(truth, sizes);
        Tensor encoder = Layers(predictions.EncoderLogits, predictions.EncoderBoxes, objects with { Labels = null }, truth, config).Losses;
        Tensor decoder = Layers(Tensor.Concat(0, [.. predictions.Logits]), Tensor.Concat(0, [.. predictions.Boxes]), objects, truth, config).Losses;
        Tensor values = Tensor.Concat(0, encoder, decoder).Reshape(-1);
        int layers = predictions.Logits.Count;
        string[] prefixes = ["enc_", .. Enumerable.Range(0, layers).Select(i => i == layers - 1 ? "" : $"d{i}.")];
        return new LossTable([.. prefixes.SelectMany(p => new[] { p + "loss_cls", p + "loss_bbox", p + "loss_iou" })], values, values.SumAll());
    }

    /// <summary>Matches the predictions of several layers and computes their three losses each.</summary>
    /// <param name="logits"><c>f32[layers · batch, predictions, classes]</c></param>
    /// <param name="boxes">Unit boxes <c>f32[layers · batch, predictions, 4]</c>.</param>
    /// <param name="objects">The truth for the kernels.</param>
    /// <param name="truth">The same with its counts.</param>
    /// <param name="config">Weights and costs.</param>
    /// <returns>Losses <c>f32[layers, 3]</c> and the matching <c>i32[layers · batch, predictions]</c>.</returns>
    internal static (Tensor Losses, Tensor Match) Layers(Tensor logits, Tensor boxes, MatchTruth objects, Truth truth, DeformableDetrConfig config)
    {
        Tensor match;
        using (NoGrad.Begin())
        {
            MatchWeights costs = new(config.ClassWeight, config.BoxWeight, config.IouWeight);
            match = logits.MatchCost(boxes, objects, costs).Hungarian(objects.Counts).Match;
        }

        // Every object gets a prediction while there are enough, so the number of matches needs no download.
        int matched = truth.HostCounts.Sum(count => Math.Min(count, logits.Shape[1]));
        float scale = 1 / (Math.Max(matched, 1) + Epsilon);
        Tensor weights = Tensor.From(config.ClassWeight * scale, config.BoxWeight * scale, config.IouWeight * scale);
        return (logits.SetLoss(boxes, match, objects) * weights, match);
    }

    internal static MatchTruth ToMatch(Truth truth, IReadOnlyList<ImageSize> sizes) => new(
        truth.Boxes,
        truth.Labels,
        truth.Counts,
        Tensor.From([.. sizes.SelectMany(size => new[] { (float)size.Height, size.Width })], [sizes.Count, 2]));
}
