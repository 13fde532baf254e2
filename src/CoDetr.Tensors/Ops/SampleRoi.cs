namespace CoDetr.Tensors;

/// <summary>
/// Random samples of assigned predictions (spec/losses-and-assignment.md §5.2). An assignment is an index of an object, -1 for background, -2 for what counts
/// nowhere. No gradient.
/// </summary>
public static class SampleRoiOp
{
    private static readonly Kernel Pool = new("sample_roi.cu", "sample_roi_pool");
    private static readonly Kernel Choose = new("sample_roi.cu", "sample_roi_choose");
    private static readonly Kernel Together = new("sample_roi.cu", "sample_roi_gather");

    extension(Tensor index)
    {
        /// <summary>Keeps at most <paramref name="count"/> of each row of an assignment, <c>i32[batch, rows]</c>; the others count nowhere.</summary>
        /// <param name="positiveKeys">
        /// <c>f32[batch, rows]</c>, none negative: the r-th positive of a row has key r. Where there are too many, those with the smallest keys are kept.
        /// </param>
        /// <param name="negativeKeys"><c>f32[batch, rows]</c>: the same for background</param>
        /// <param name="count">Most of each row.</param>
        /// <param name="mostPositive">Most positives of each row.</param>
        /// <param name="negativesPerPositive">Most of the background for each positive that is kept (or for one, if none is); negative: any number.</param>
        /// <returns><c>i32[batch, rows]</c></returns>
        public Tensor SampleRandom(Tensor positiveKeys, Tensor negativeKeys, int count, int mostPositive, float negativesPerPositive = -1)
        {
            Check.Rank(index, 2);
            Check.Type(index, DType.I32);
            (int batch, int rows) = (index.Shape[0], index.Shape[1]);
            Check.Shape(positiveKeys, [batch, rows]);
            Check.Shape(negativeKeys, [batch, rows]);
            Check.That(mostPositive >= 0 && mostPositive <= count, $"mostPositive must lie within 0 to {count}, got {mostPositive}.");
            Tensor sampled = index.Like(), ranks = index.Like();
            index.Device.Launch(
                Choose, Work.Teams(2L * batch, Math.Clamp(rows, 1, 1024), cost: 40L * rows), sampled, ranks, index, positiveKeys, negativeKeys, batch, rows,
                count, mostPositive, negativesPerPositive);
            return sampled;
        }

        /// <summary>Brings together what an assignment, <c>i32[batch, rows]</c>, leaves: positives first, then background, in the order of places.</summary>
        /// <param name="boxes"><c>f32[batch, rows, 4]</c></param>
        /// <param name="most">Room for each picture; no more is taken.</param>
        /// <returns>Boxes <c>f32[batch, most, 4]</c>, zeros at the end; their assignment <c>i32[batch, most]</c>; how many <c>i32[batch]</c></returns>
        public (Tensor Boxes, Tensor Index, Tensor Counts) GatherSampled(Tensor boxes, int most)
        {
            Check.Rank(index, 2);
            (int batch, int rows) = (index.Shape[0], index.Shape[1]);
            Check.Shape(boxes, [batch, rows, 4]);
            Tensor together = boxes.New(batch, most, 4), own = index.New(batch, most), counts = index.New(batch);
            index.Device.Launch(
                Together, Work.Teams(batch, Math.Clamp(rows, 1, 1024), cost: 4L * (rows + most)), together, own, counts, boxes, index, batch, rows, most);
            return (together, own, counts);
        }
    }

    extension(Tensor proposals)
    {
        /// <summary>Puts the objects of each picture, which answer for themselves, in front of its proposals, <c>f32[batch, boxes, 4]</c>.</summary>
        /// <param name="counts"><c>i32[batch]</c>: proposals of each picture</param>
        /// <param name="index"><c>i32[batch, boxes]</c>: their assignment</param>
        /// <param name="truthBoxes"><c>f32[batch, most, 4]</c></param>
        /// <param name="truthCounts"><c>i32[batch]</c>: objects of each picture</param>
        /// <returns>Boxes <c>f32[batch, rows, 4]</c> and their assignment <c>i32[batch, rows]</c>, rows = most + boxes; what is no box counts nowhere</returns>
        public (Tensor Boxes, Tensor Index) PrependTruth(Tensor counts, Tensor index, Tensor truthBoxes, Tensor truthCounts)
        {
            (int batch, int count, int most) = (index.Shape[0], index.Shape[^1], truthBoxes.Shape[1]);
            Check.Shape(index, [batch, count]);
            Check.Shape(proposals, [batch, count, 4]);
            Check.Shape(counts, [batch]);
            Check.Shape(truthBoxes, [batch, most, 4]);
            Check.Shape(truthCounts, [batch]);
            Tensor boxes = proposals.New(batch, most + count, 4), own = index.New(batch, most + count);
            proposals.Device.Launch(Pool, Work.Elements(own.Count, 8), boxes, own, proposals, counts, index, truthBoxes, truthCounts, batch, count, most);
            return (boxes, own);
        }
    }
}
