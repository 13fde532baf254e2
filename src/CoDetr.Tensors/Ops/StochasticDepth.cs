namespace CoDetr.Tensors;

/// <summary>Residual branches that some pictures of a batch skip in training.</summary>
public static class StochasticDepthOp
{
    private const int Piece = 4096; // elements that one team does
    private static readonly Kernel Forward = new("stochastic_depth.cu", "stochastic_depth_forward");
    private static readonly Kernel Backward = new("stochastic_depth.cu", "stochastic_depth_backward");

    extension(Tensor x)
    {
        /// <summary>Adds the branch divided by 1 - rate where a picture's number is at least the rate, and nothing elsewhere.</summary>
        /// <param name="branch"><c>real[batch, ...]</c>, like this tensor</param>
        /// <param name="draws">Uniform in [0, 1): <c>f32[batch]</c></param>
        /// <param name="rate">The share of pictures that skip the branch, below 1.</param>
        /// <returns><c>real[batch, ...]</c></returns>
        public Tensor StochasticDepth(Tensor branch, Tensor draws, float rate)
        {
            int batch = x.Shape[0];
            Check.Shape(branch, x.Shape);
            Check.Type(branch, x.DType);
            Check.Shape(draws, [batch]);
            Check.That(rate is >= 0 and < 1, $"the rate must lie in [0, 1), got {rate}.");
            long inner = x.Count / Math.Max(batch, 1);
            Work work = Work.Teams(batch * ((inner + Piece - 1) / Piece), 256, cost: Piece);
            Tensor y = x.Like();
            x.Device.Launch(Forward, work, y, x, branch, draws, batch, inner, Piece, rate);
            return GradNode.Record(nameof(StochasticDepth), y, [x, branch], dy =>
            {
                Tensor dbranch = branch.Like();
                x.Device.Launch(Backward, work, dbranch, dy, draws, batch, inner, Piece, rate);
                return [dy, dbranch];
            });
        }
    }
}
