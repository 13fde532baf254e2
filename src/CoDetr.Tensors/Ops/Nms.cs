namespace CoDetr.Tensors;

/// <summary>Non-maximum suppression, batched. No gradient.</summary>
public static class NmsOp
{
    private const int SortLanes = 512;
    private const int SortScratch = 16 * 256 * sizeof(int); // a count for each digit and run
    private const int Block = 64; // candidates that are looked at together
    private const int Parts = 16; // of what was kept before
    private static readonly Kernel Sort = new("nms.cu", "nms_sort");
    private static readonly Kernel Suppress = new("nms.cu", "nms_suppress");

    extension(Tensor)
    {
        /// <summary>
        /// Keeps the box with the highest score, drops those that overlap it by more than the threshold, and so on with what is left. Of equal scores the
        /// lower place comes first; a score that is no number is never kept.
        /// </summary>
        /// <param name="boxes">Corners, <c>f32[batch, boxes, 4]</c>.</param>
        /// <param name="scores"><c>f32[batch, boxes]</c></param>
        /// <param name="threshold">The largest IoU that two kept boxes of a group may have.</param>
        /// <param name="most">Of one picture.</param>
        /// <param name="groups">Classes or levels, <c>i32[batch, boxes]</c>: only boxes of equal groups drop each other. Null: all are of one.</param>
        /// <param name="counts"><c>i32[batch]</c>: boxes of each picture; null: all.</param>
        /// <param name="scoreThreshold">Only scores above it are candidates.</param>
        /// <returns>The places of what is kept, highest score first, -1 behind them: <c>i32[batch, most]</c>; and how many: <c>i32[batch]</c>.</returns>
        public static (Tensor Kept, Tensor Counts) Nms(
            Tensor boxes, Tensor scores, float threshold, int most, Tensor? groups = null, Tensor? counts = null, float scoreThreshold = float.NegativeInfinity)
        {
            CheckCandidates(boxes, scores, most, groups, counts, nameof(Nms));
            (int batch, int total, Device device) = (boxes.Shape[0], boxes.Shape[1], boxes.Device);
            Tensor Integers(params ReadOnlySpan<int> sizes) => Tensor.Empty(Shape.Create(sizes), DType.I32, device);
            Tensor order = Integers(batch, total), candidates = Integers(batch);
            device.Launch(
                Sort, Work.Teams(batch, Math.Clamp(total, 1, SortLanes), SortScratch, cost: 40L * total), order, candidates, Integers(batch, 2, total),
                Integers(batch, total), scores, counts, scoreThreshold, batch, total);
            Tensor kept = Integers(batch, most), found = Integers(batch);
            int scratch = (6 + Parts) * Block * sizeof(int);
            Work work = Work.Teams(batch, Math.Clamp(total, Block, Block * Parts), scratch, cost: 4L * total * Math.Min(total, most));
            device.Launch(Suppress, work, kept, found, boxes, groups, order, candidates, threshold, batch, total, most);
            return (kept, found);
        }
    }

    /// <summary>What both kinds of suppression ask of their arguments.</summary>
    internal static void CheckCandidates(Tensor boxes, Tensor scores, int most, Tensor? groups, Tensor? counts, string op)
    {
        Check.Rank(scores, 2, op: op);
        (int batch, int total) = (scores.Shape[0], scores.Shape[1]);
        Check.Shape(boxes, [batch, total, 4], sizes: "[batch, boxes, 4]", op: op);
        Check.That(boxes.DType == DType.F32 && scores.DType == DType.F32, $"boxes and scores must be F32, got {boxes.DType} and {scores.DType}.", op);
        Check.That(most >= 0, $"most must not be negative, got {most}.", op);
        if (groups is not null)
        {
            Check.Type(groups, DType.I32, op: op);
            Check.Shape(groups, scores.Shape, op: op);
        }

        if (counts is not null)
        {
            Check.Type(counts, DType.I32, op: op);
            Check.Shape(counts, [batch], op: op);
        }
    }
}
