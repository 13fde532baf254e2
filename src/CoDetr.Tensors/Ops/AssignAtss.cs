namespace CoDetr.Tensors;

/// <summary>Adaptive training sample selection (spec/losses-and-assignment.md §5.3). No gradient.</summary>
public static class AssignAtssOp
{
    private const int MostRows = 1 << 24; // a row within its level is exact in f32 up to here
    private const int SearchScratch = 256 * (sizeof(double) + sizeof(float)); // least.h: a team's lots
    private static readonly Kernel Begin = new("assign_atss.cu", "assign_atss_begin");
    private static readonly Kernel Candidates = new("assign_atss.cu", "assign_atss_candidates");
    private static readonly Kernel Overlaps = new("assign_atss.cu", "assign_atss_overlaps");
    private static readonly Kernel Claim = new("assign_atss.cu", "assign_atss_claim");

    extension(Tensor anchors)
    {
        /// <summary>Which truth each anchor is positive for. Candidates of a truth are the nearest anchors of each level, of equally near ones the first.</summary>
        /// <param name="levels">The levels whose tokens the anchors belong to; this tensor is <c>f32[rows, 4]</c>, corners.</param>
        /// <param name="perToken">Anchors of each token.</param>
        /// <param name="use"><c>u8[batch, rows]</c>: 0 for no anchor, 1 for an anchor, 2 for one in an ignored region.</param>
        /// <param name="boxes">Truths' corners, <c>f32[batch, most, 4]</c>.</param>
        /// <param name="counts"><c>i32[batch]</c>: truths of each picture.</param>
        /// <param name="nearest">Candidates of each truth and level.</param>
        /// <returns><c>i32[batch, rows]</c>: the truth, -1 for a negative, -2 for what is neither.</returns>
        public Tensor AssignAtss(FeatureLevels levels, int perToken, Tensor use, Tensor boxes, Tensor counts, int nearest = 9)
        {
            Check.Rank(boxes, 3);
            (int batch, int most, int rows) = (boxes.Shape[0], boxes.Shape[1], levels.Tokens * perToken);
            Check.Shape(anchors, [rows, 4]);
            Check.Shape(use, [batch, rows]);
            Check.Type(use, DType.U8);
            Check.Shape(boxes, [batch, most, 4]);
            Check.Shape(counts, [batch]);
            Check.That(rows <= MostRows, $"there are at most {MostRows} anchors, got {rows}.");
            Check.That(nearest > 0, $"nearest must be positive, got {nearest}.");
            Tensor index = Tensor.Empty([batch, rows], DType.I32, anchors.Device), best = anchors.New(batch, rows), centers = anchors.New(2, rows);
            anchors.Device.Launch(Begin, Work.Elements((long)batch * rows, 4), centers, index, best, anchors, use, batch, rows);
            int ofTruth = levels.Count * nearest;
            Tensor candidates = Tensor.Empty([batch, most, ofTruth], DType.I32, anchors.Device), overlaps = anchors.New(batch, most, ofTruth);
            Work search = Work.Teams((long)batch * most * levels.Count, Math.Min(rows, 256), SearchScratch, 4L * rows / levels.Count);
            anchors.Device.Launch(
                Candidates, search, candidates, centers, use, boxes, counts, levels.Starts, batch, most, rows, levels.Count, perToken, nearest);
            anchors.Device.Launch(
                Overlaps, Work.Teams((long)batch * most, ofTruth, cost: 30L * ofTruth), overlaps, candidates, anchors, centers, boxes, counts,
                batch, most, rows, ofTruth);
            anchors.Device.Launch(
                Claim, Work.Teams((long)batch * levels.Count, nearest, cost: 4L * most * nearest),
                index, best, overlaps, candidates, counts, batch, most, rows, levels.Count, nearest);
            return index;
        }
    }
}
