namespace CoDetr.Tensors;

/// <summary>How soft suppression lowers the score of a box that overlaps a better one.</summary>
public enum SoftNmsMethod
{
    /// <summary>By 1 - IoU, from the threshold on.</summary>
    Linear,

    /// <summary>By e^(-IoU² / sigma), whatever the threshold.</summary>
    Gaussian,

    /// <summary>To nothing, from the threshold on: hard suppression.</summary>
    Naive,
}

/// <summary>Settings of soft suppression.</summary>
/// <param name="Method">How scores are lowered.</param>
/// <param name="Threshold">The IoU from which they are.</param>
/// <param name="Sigma">Of the Gaussian method.</param>
/// <param name="LeastScore">Below it a box is dropped; the very first is always kept.</param>
public sealed record SoftNmsSettings(SoftNmsMethod Method = SoftNmsMethod.Linear, float Threshold = 0.3f, float Sigma = 0.5f, float LeastScore = 1e-3f);

/// <summary>Soft non-maximum suppression (Bodla et al., 2017), batched. No gradient.</summary>
public static class SoftNmsOp
{
    private static readonly Kernel Run = new("soft_nms.cu", "soft_nms");

    extension(Tensor)
    {
        /// <summary>
        /// Takes the box with the highest score, lowers the scores of those that overlap it, and so on with what is left. Of equal scores the lower place
        /// comes first; a score that is no number is never taken.
        /// </summary>
        /// <param name="boxes">Corners, <c>f32[batch, boxes, 4]</c>.</param>
        /// <param name="scores"><c>f32[batch, boxes]</c></param>
        /// <param name="settings">How.</param>
        /// <param name="most">Of one picture.</param>
        /// <param name="groups">Classes, <c>i32[batch, boxes]</c>: only boxes of equal groups lower each other. Null: all are of one.</param>
        /// <param name="counts"><c>i32[batch]</c>: boxes of each picture; null: all.</param>
        /// <param name="scoreThreshold">Only scores above it are candidates.</param>
        /// <returns>
        /// The places of what is taken, highest lowered score first, -1 behind them: <c>i32[batch, most]</c>; the lowered scores: <c>f32[batch, most]</c>;
        /// and how many: <c>i32[batch]</c>.
        /// </returns>
        public static (Tensor Kept, Tensor Scores, Tensor Counts) SoftNms(
            Tensor boxes, Tensor scores, SoftNmsSettings settings, int most, Tensor? groups = null, Tensor? counts = null,
            float scoreThreshold = float.NegativeInfinity)
        {
            NmsOp.CheckCandidates(boxes, scores, most, groups, counts, nameof(SoftNms));
            (int batch, int total, Device device) = (boxes.Shape[0], boxes.Shape[1], boxes.Device);
            Tensor kept = Tensor.Empty([batch, most], DType.I32, device), lowered = scores.New(batch, most), found = Tensor.Empty([batch], DType.I32, device);
            device.Launch(
                Run, Work.Teams(batch, Math.Clamp(total, 1, 1024), cost: 8L * total * Math.Min(total, most)), kept, lowered, found, scores.Like(), boxes, scores,
                groups, counts, (int)settings.Method, settings.Threshold, settings.Sigma, settings.LeastScore, scoreThreshold, batch, total, most);
            return (kept, lowered, found);
        }
    }
}
