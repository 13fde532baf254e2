using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Turns the last layer's predictions into detections: no suppression, the best (query, class) pairs (spec/evaluation.md §1).</summary>
internal static class QueryDecoding
{
    /// <param name="logits"><c>f32[batch, queries, classes]</c></param>
    /// <param name="boxes">Unit boxes <c>f32[batch, queries, 4]</c>.</param>
    /// <param name="sizes">Picture sizes before padding.</param>
    /// <param name="scaleFactors">Input size over original size, (x, y), for each picture.</param>
    /// <param name="count">Pairs to keep.</param>
    /// <param name="threshold">Only scores above it.</param>
    internal static DetectedObject[][] Decode(
        Tensor logits, Tensor boxes, IReadOnlyList<ImageSize> sizes, IReadOnlyList<(double X, double Y)> scaleFactors, int count, float threshold)
    {
        (int batch, int queries, int classes) = (logits.Shape[0], logits.Shape[1], logits.Shape[2]);
        count = Math.Min(count, queries * classes);
        (Tensor values, Tensor indices) = logits.Sigmoid().Reshape(batch, queries * classes).TopK(count);
        float[] scores = values.ToArray(), corners = boxes.ToCorners().ToArray();
        int[] pairs = indices.ToArray<int>();
        DetectedObject[][] found = new DetectedObject[batch][];
        for (int image = 0; image < batch; image++)
        {
            List<DetectedObject> kept = [];
            for (int k = image * count; k < (image + 1) * count; k++)
            {
                if (scores[k] > threshold)
                {
                    int at = ((image * queries) + (pairs[k] / classes)) * 4;
                    kept.Add(Place(corners.AsSpan(at, 4), sizes[image], scaleFactors[image], scores[k], pairs[k] % classes));
                }
            }

            found[image] = [.. kept];
        }

        return found;
    }

    private static DetectedObject Place(ReadOnlySpan<float> corners, ImageSize size, (double X, double Y) scale, float score, int label)
    {
        float x1 = Math.Clamp(corners[0] * size.Width, 0, size.Width), x2 = Math.Clamp(corners[2] * size.Width, 0, size.Width);
        float y1 = Math.Clamp(corners[1] * size.Height, 0, size.Height), y2 = Math.Clamp(corners[3] * size.Height, 0, size.Height);
        (float sx, float sy) = ((float)scale.X, (float)scale.Y);
        return new DetectedObject(x1 / sx, y1 / sy, x2 / sx, y2 / sy, score, label);
    }
}
