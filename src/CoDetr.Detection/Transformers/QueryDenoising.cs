using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Contrastive denoising (spec/model.md §7): queries near known objects that shall find back to them, and others farther off that shall not.</summary>
internal static class QueryDenoising
{
    /// <summary>How often each object is there as a positive and as a negative.</summary>
    /// <param name="settings">How many queries.</param>
    /// <param name="objects">Of the picture that has most.</param>
    internal static int Groups(DenoisingSettings settings, int objects) => settings.Groups ?? Math.Max(1, settings.Queries / Math.Max(objects, 1));

    /// <summary>The denoising queries of a batch; null if no picture shows an object.</summary>
    /// <param name="settings">How many queries and how much noise.</param>
    /// <param name="labelEmbedding">The content for each class, <c>f32[classes, width]</c>.</param>
    /// <param name="truth">What the pictures show.</param>
    /// <param name="validSizes">Picture sizes before padding, <c>f32[batch, 2]</c>.</param>
    /// <param name="type">How activations are stored.</param>
    /// <param name="draws">Of the denoising queries.</param>
    internal static QueryGroup? Make(DenoisingSettings settings, Tensor labelEmbedding, Truth truth, Tensor validSizes, DType type, Draws draws)
    {
        int objects = truth.Objects.Max(), groups = Groups(settings, objects), queries = 2 * groups * objects;
        if (objects == 0)
        {
            return null;
        }

        int batch = truth.Objects.Count, rows = queries * batch;
        DenoisingNumbers numbers = new(
            draws.Uniform("chance", [rows]), draws.Uniform("label", [rows]), draws.Uniform("sign", [rows, 4]), draws.Uniform("size", [rows, 4]));
        (Tensor labels, Tensor boxLogits, Tensor match) = SetPredictionLoss.ToMatch(truth, validSizes).Denoising(
            numbers, 2 * groups, objects, labelEmbedding.Shape[0], settings.LabelNoise, settings.BoxNoise);
        Tensor content = labelEmbedding.IndexSelect(labels.Reshape(-1)).Reshape(batch, queries, -1).Cast(type);
        return new QueryGroup(
            new GroupName(Prefix: "dn_"), content, null, boxLogits.Sigmoid(), new Assignment(match), new QuerySpan(queries, groups, SeesMain: true));
    }
}
