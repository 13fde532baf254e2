namespace CoDetr.Tensors;

/// <summary>Sums and means over axes.</summary>
public static class ReduceOp
{
    private static readonly Kernel SumAxis = new("reduce.cu", "reduce_sum_axis");
    private static readonly Kernel Spread = new("reduce.cu", "reduce_spread_axis");

    extension(Tensor x)
    {
        /// <summary>Sums over one axis, which disappears.</summary>
        /// <param name="axis">Which; negative counts from the end.</param>
        /// <returns><c>real[...]</c>, one dimension less.</returns>
        public Tensor Sum(int axis) => Reduce(x, axis, 1f, nameof(Sum));

        /// <summary>The mean over one axis, which disappears.</summary>
        /// <param name="axis">Which; negative counts from the end.</param>
        /// <returns><c>real[...]</c>, one dimension less.</returns>
        public Tensor Mean(int axis) => Reduce(x, axis, 1f / x.Shape[x.Shape.Axis(axis)], nameof(Mean));
    }

    private static Tensor Reduce(Tensor x, int axis, float scale, string op)
    {
        axis = x.Shape.Axis(axis);
        long outer = x.Shape.CountOf(0, axis);
        int count = x.Shape[axis], inner = (int)x.Shape.CountOf(axis + 1, x.Shape.Length);
        int[] sizes = [.. x.Shape.Where((_, i) => i != axis)];
        Tensor y = x.New(sizes);
        x.Device.Launch(SumAxis, Work.Teams(outer, inner == 1 ? count : inner, cost: (long)count * inner), y, x, outer, count, inner, scale);
        return GradNode.Record(op, y, [x], dy =>
        {
            Tensor dx = x.Like();
            x.Device.Launch(Spread, Work.Teams(outer * count, inner), dx, dy, outer, count, inner, scale);
            return [dx];
        });
    }
}
