namespace CoDetr.Tensors;

/// <summary>
/// What a loss compares with, once every prediction has its object: an index of it, -1 for background, -2 for what counts nowhere. No gradient.
/// </summary>
public static class AssignmentsOp
{
    private const int Block = 1024; // predictions that a team takes
    private static readonly Kernel TargetsKernel = new("assignment.cu", "assignment_targets");
    private static readonly Kernel Totals = new("assignment.cu", "assignment_totals");

    extension(Tensor index)
    {
        /// <summary>The targets of an assignment, <c>i32[batch, rows]</c>.</summary>
        /// <param name="truthBoxes"><c>f32[batch, most, 4]</c></param>
        /// <param name="truthLabels"><c>i32[batch, most]</c></param>
        /// <param name="classes">The label of background; what counts nowhere has -1.</param>
        /// <returns>
        /// Labels <c>i32[batch, rows]</c>; boxes of positives, else zeros, <c>f32[batch, rows, 4]</c>; 1 for positives <c>f32[batch, rows]</c>;
        /// totals <c>f32[3]</c>: positives, then the sum over pictures of max(positives, 1), then of max(positives, 1) + max(negatives, 1).
        /// </returns>
        public (Tensor Labels, Tensor Boxes, Tensor Positive, Tensor Totals) AssignmentTargets(Tensor truthBoxes, Tensor truthLabels, int classes)
        {
            Check.Rank(index, 2);
            Check.Type(index, DType.I32);
            (int batch, int rows, int most) = (index.Shape[0], index.Shape[1], truthLabels.Shape[^1]);
            Check.Shape(truthLabels, [batch, most]);
            Check.Shape(truthBoxes, [batch, most, 4]);
            int blocks = (rows + Block - 1) / Block;
            Tensor labels = index.Like(), boxes = truthBoxes.New(batch, rows, 4), positive = truthBoxes.New(batch, rows), totals = truthBoxes.New(3);
            Tensor counts = index.New(batch, blocks, 2);
            index.Device.Launch(
                TargetsKernel, Work.Teams((long)batch * blocks, 256, cost: 8L * Math.Min(rows, Block)), labels, boxes, positive, counts, index, truthBoxes,
                truthLabels, batch, rows, most, classes, Block);
            index.Device.Launch(Totals, Work.Teams(1, 32, cost: 2L * batch * blocks), totals, counts, batch, blocks);
            return (labels, boxes, positive, totals);
        }
    }
}
