using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Turns the last layer's predictions into detections: the best (query, class) pairs (spec/evaluation.md §1).</summary>
internal static class QueryDecoding
{
    /// <param name="logits"><c>f32[batch, queries, classes]</c></param>
    /// <param name="boxes">Unit boxes <c>f32[batch, queries, 4]</c>.</param>
    /// <param name="sizes">Picture sizes before padding.</param>
    /// <param name="scaleFactors">Input size over original size, (x, y), for each picture.</param>
    /// <param name="count">Pairs to keep.</param>
    /// <param name="threshold">Only scores above it.</param>
    /// <param name="suppression">If any: as many pairs as there are queries are its candidates, in pixels of the original pictures.</param>
    internal static DetectedObject[][] Decode(
        Tensor logits, Tensor boxes, IReadOnlyList<ImageSize> sizes, IReadOnlyList<(double X, double Y)> scaleFactors, int count, float threshold,
        SuppressionSettings? suppression = null)
    {
        (int batch, int queries, int classes) = (logits.Shape[0], logits.Shape[1], logits.Shape[2]);
        int candidates = suppression is null ? Math.Min(count, queries * classes) : queries;
        (Tensor scores, Tensor pairs) = logits.Sigmoid().Reshape(batch, queries * classes).TopK(candidates);
        (Tensor query, Tensor labels) = pairs.SplitPairs(classes);
        Tensor size = PerPicture([.. sizes.Select(s => ((float)s.Width, (float)s.Height))], logits.Device);
        Tensor scale = PerPicture([.. scaleFactors.Select(s => ((float)s.X, (float)s.Y))], logits.Device);
        Tensor pixels = (boxes.ToCorners().Clamp(0, 1) * size / scale).GatherRows(query);
        if (suppression is not null)
        {
            return Objects(Suppression.Detect(pixels, scores, labels, suppression, count, scoreThreshold: threshold));
        }

        float[] sorted = scores.ToArray();
        int[] counts = [.. Enumerable.Range(0, batch).Select(i => sorted.AsSpan(i * candidates, candidates).ToArray().Count(score => score > threshold))];
        return Objects(pixels.ToArray(), sorted, labels.ToArray<int>(), counts);
    }

    /// <summary>Detections as objects on the host, in their own pixels.</summary>
    internal static DetectedObject[][] Objects(HeadDetections found) =>
        Objects(found.Boxes.ToArray(), found.Scores.ToArray(), found.Labels.ToArray<int>(), found.Counts.ToArray<int>());

    private static DetectedObject[][] Objects(float[] boxes, float[] scores, int[] labels, int[] counts)
    {
        int most = counts.Length == 0 ? 0 : scores.Length / counts.Length;
        DetectedObject At(int i) => new(boxes[4 * i], boxes[(4 * i) + 1], boxes[(4 * i) + 2], boxes[(4 * i) + 3], scores[i], labels[i]);
        return [.. counts.Select((count, image) => Enumerable.Range(image * most, count).Select(At).ToArray())];
    }

    /// <summary>(x, y, x, y) of each picture: <c>f32[batch, 1, 4]</c>.</summary>
    private static Tensor PerPicture((float X, float Y)[] numbers, Device device) =>
        Tensor.From<float>([.. numbers.SelectMany(n => (float[])[n.X, n.Y, n.X, n.Y])], [numbers.Length, 1, 4], device);
}
