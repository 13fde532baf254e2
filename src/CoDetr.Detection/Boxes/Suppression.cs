using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>How boxes that overlap better ones of their class are dropped, or lowered.</summary>
/// <param name="Threshold">The IoU from which they are.</param>
/// <param name="Soft">How scores are lowered; null: the boxes are dropped. Its own threshold is not used.</param>
/// <param name="IsClassAgnostic">Whether boxes of other classes count too.</param>
public sealed record SuppressionSettings(float Threshold, SoftNmsSettings? Soft = null, bool IsClassAgnostic = false)
{
    /// <summary>Drops what overlaps by more than the threshold.</summary>
    public static SuppressionSettings Hard(float threshold) => new(threshold);

    /// <summary>Lowers the scores of what overlaps by the threshold or more, linearly unless other settings are given.</summary>
    public static SuppressionSettings Lowering(float threshold, SoftNmsSettings? settings = null) => new(threshold, settings ?? new SoftNmsSettings());
}

/// <summary>From candidates to detections: suppression within each class, for every head (spec/losses-and-assignment.md §8).</summary>
internal static class Suppression
{
    /// <summary>The best of one picture's candidates that are left after suppression.</summary>
    /// <param name="boxes">Corners in pixels, <c>f32[batch, boxes, 4]</c>.</param>
    /// <param name="scores"><c>f32[batch, boxes]</c></param>
    /// <param name="labels"><c>i32[batch, boxes]</c></param>
    /// <param name="settings">How.</param>
    /// <param name="most">Of one picture.</param>
    /// <param name="counts"><c>i32[batch]</c>: candidates of each picture; null: all.</param>
    /// <param name="scoreThreshold">Only scores above it are candidates.</param>
    internal static HeadDetections Detect(
        Tensor boxes, Tensor scores, Tensor labels, SuppressionSettings settings, int most, Tensor? counts = null,
        float scoreThreshold = float.NegativeInfinity) => Select(boxes, scores, labels, settings, most, counts, scoreThreshold).Detections;

    /// <summary>The best of all (box, class) pairs whose score is above a threshold.</summary>
    /// <param name="boxes">Corners in pixels: the classes' own, <c>f32[batch, boxes, classes, 4]</c>, or one for all classes, <c>f32[batch, boxes, 1, 4]</c>.</param>
    /// <param name="scores">Foreground classes only: <c>f32[batch, boxes, classes]</c>.</param>
    /// <param name="settings">How.</param>
    /// <param name="most">Of one picture.</param>
    /// <param name="scoreThreshold">Only scores above it are candidates.</param>
    /// <param name="counts"><c>i32[batch]</c>: boxes of each picture; null: all.</param>
    internal static HeadDetections DetectClasses(
        Tensor boxes, Tensor scores, SuppressionSettings settings, int most, float scoreThreshold, Tensor? counts = null) =>
        SelectClasses(boxes, scores, settings, most, scoreThreshold, counts).Detections;

    /// <inheritdoc cref="DetectClasses"/>
    /// <returns>The detections, and the pair that each is: box · classes + class, <c>i32[batch, most]</c>.</returns>
    internal static (HeadDetections Detections, Tensor Pairs) SelectClasses(
        Tensor boxes, Tensor scores, SuppressionSettings settings, int most, float scoreThreshold, Tensor? counts = null)
    {
        Check.Rank(scores, 3);
        (int batch, int rows, int classes) = (scores.Shape[0], scores.Shape[1], scores.Shape[2]);
        int[] each = [.. Enumerable.Range(0, classes)];
        Tensor labels = Tensor.From(each, [1, 1, classes], scores.Device).Expand(batch, rows, classes).Reshape(batch, rows * classes);
        Tensor pairs = boxes.Expand(batch, rows, classes, 4).Reshape(batch, rows * classes, 4);
        Tensor? ofPairs = counts is null ? null : (counts.Cast(DType.F32) * classes).Cast(DType.I32);
        return Select(pairs, scores.Reshape(batch, rows * classes), labels, settings, most, ofPairs, scoreThreshold);
    }

    private static (HeadDetections Detections, Tensor Places) Select(
        Tensor boxes, Tensor scores, Tensor labels, SuppressionSettings settings, int most, Tensor? counts, float scoreThreshold)
    {
        Tensor? groups = settings.IsClassAgnostic ? null : labels;
        if (settings.Soft is SoftNmsSettings soft)
        {
            (Tensor taken, Tensor lowered, Tensor left) =
                Tensor.SoftNms(boxes, scores, soft with { Threshold = settings.Threshold }, most, groups, counts, scoreThreshold);
            return (new HeadDetections(boxes.GatherRows(taken), lowered, labels.GatherRows(taken), left), taken);
        }

        (Tensor kept, Tensor found) = Tensor.Nms(boxes, scores, settings.Threshold, most, groups, counts, scoreThreshold);
        return (new HeadDetections(boxes.GatherRows(kept), scores.GatherRows(kept), labels.GatherRows(kept), found), kept);
    }
}
