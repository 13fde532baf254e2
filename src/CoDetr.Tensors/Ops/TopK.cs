namespace CoDetr.Tensors;

/// <summary>The largest of each row, in order.</summary>
public static class TopKOp
{
    private const int MostColumns = 1 << 24; // counts are exact in f32 up to here
    private static readonly Kernel Forward = new("top_k.cu", "top_k_forward");
    private static readonly Kernel Backward = new("top_k.cu", "top_k_backward");

    extension(Tensor x)
    {
        /// <summary>
        /// The <paramref name="k"/> largest along the last axis, in descending order, and their places there. Of equal ones the lower place comes first; NaN comes last.
        /// </summary>
        /// <returns>Values <c>real[..., k]</c>, with gradient, and places <c>i32[..., k]</c>.</returns>
        public (Tensor Values, Tensor Indices) TopK(int k)
        {
            Check.That(x.DType.IsFloat && x.Shape.Length > 0, $"x must hold rows of floating-point numbers, got {x}.");
            int n = x.Shape[^1];
            Check.That(k >= 0 && k <= n, $"k must lie within 0 to {n}, got {k}.");
            Check.That(n <= MostColumns, $"rows have at most {MostColumns} places, got {n}.");
            long rows = x.Count / Math.Max(n, 1);
            Shape shape = x.Shape.With(x.Shape.Length - 1, k);
            Tensor y = Tensor.Empty(shape, x.DType, x.Device), index = Tensor.Empty(shape, DType.I32, x.Device);
            if (k > 0)
            {
                Tensor above = y.Like(), places = index.Like();
                x.Device.Launch(Forward, Work.Teams(rows, Math.Min(n, 1024), cost: 40L * n), y, index, above, places, x, rows, n, k);
            }

            Tensor values = GradNode.Record(nameof(TopK), y, [x], dy =>
            {
                Tensor dx = x.Like();
                x.Device.Launch(Backward, Work.Teams(rows, Math.Min(n, 1024)), dx, dy, index, rows, n, k);
                return [dx];
            });
            return (values, index);
        }
    }
}
