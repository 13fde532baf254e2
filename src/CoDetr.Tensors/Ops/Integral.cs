namespace CoDetr.Tensors;

/// <summary>Numbers that are predicted as distributions over bins.</summary>
public static class IntegralOp
{
    private static readonly Kernel Forward = new("integral.cu", "integral_forward");
    private static readonly Kernel Backward = new("integral.cu", "integral_backward");

    extension(Tensor logits)
    {
        /// <summary>The mean of each distribution: its bins 0, 1, 2 …, weighted by their softmax (Li et al., 2020).</summary>
        /// <returns><c>f32[...]</c> of <c>real[..., bins]</c></returns>
        public Tensor Integral()
        {
            Check.That(logits.DType.IsFloat && logits.Shape.Length > 0 && logits.Shape[^1] > 0, $"logits must be [..., bins], got {logits}.");
            int bins = logits.Shape[^1];
            long rows = logits.Count / bins;
            Work work = Work.Teams(rows, bins, cost: 20L * bins);
            Tensor y = Tensor.Empty([.. logits.Shape.Take(logits.Shape.Length - 1)], logits.DType.Sums, logits.Device);
            logits.Device.Launch(Forward, work, y, logits, rows, bins);
            return GradNode.Record(nameof(Integral), y, [logits], dy =>
            {
                Tensor dx = logits.Like();
                logits.Device.Launch(Backward, work, dx, dy, logits, y, rows, bins);
                return [dx];
            });
        }
    }
}
