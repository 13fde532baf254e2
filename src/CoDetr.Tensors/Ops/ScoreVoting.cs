namespace CoDetr.Tensors;

/// <summary>Detections that are refined by what suppression dropped.</summary>
public static class ScoreVotingOp
{
    private static readonly Kernel Vote = new("score_voting.cu", "score_voting");

    extension(Tensor kept)
    {
        /// <summary>
        /// Each kept box as the mean of the candidates that overlap it, weighted by their scores for its class and by e^(-(1 - IoU)² / <paramref name="sigma"/>)
        /// (Kim and Lee, 2020). No gradient.
        /// </summary>
        /// <param name="labels">Of the kept boxes, <c>i32[batch, most]</c>; these are corners, <c>f32[batch, most, 4]</c>.</param>
        /// <param name="counts"><c>i32[batch]</c>: kept boxes of each picture; what lies behind stays as it is.</param>
        /// <param name="boxes">Candidates, <c>f32[batch, rows, 4]</c>.</param>
        /// <param name="scores"><c>f32[batch, rows, classes]</c></param>
        /// <param name="threshold">Only candidates that score more vote.</param>
        /// <param name="overlap">And only those whose IoU is larger.</param>
        /// <param name="sigma">How fast a vote fades with the overlap.</param>
        /// <returns><c>f32[batch, most, 4]</c></returns>
        public Tensor ScoreVoting(Tensor labels, Tensor counts, Tensor boxes, Tensor scores, float threshold, float overlap = 0.01f, float sigma = 0.025f)
        {
            Check.Rank(kept, 3);
            Check.Rank(scores, 3);
            (int batch, int most, int rows, int classes) = (kept.Shape[0], kept.Shape[1], scores.Shape[1], scores.Shape[2]);
            Check.Shape(kept, [batch, most, 4]);
            Check.Shape(labels, [batch, most]);
            Check.Shape(counts, [batch]);
            Check.Shape(boxes, [batch, rows, 4]);
            Check.Shape(scores, [batch, rows, classes]);
            Check.Type(labels, DType.I32);
            Check.Type(counts, DType.I32);
            Tensor y = kept.Like();
            kept.Device.Launch(
                Vote, Work.Teams((long)batch * most, Math.Clamp(rows, 4, 256), cost: 60L * rows), y, kept, labels, counts, boxes, scores, batch, most, rows, classes,
                threshold, overlap, sigma);
            return y;
        }
    }
}
