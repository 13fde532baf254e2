namespace CoDetr.Tensors;

/// <summary>Sums, means and maxima over an axis, which disappears; or over all elements.</summary>
public static class ReduceOp
{
    private const int Block = 256; // columns that one team sums
    private static readonly Kernel SumSame = new("reduce.cu", "reduce_sum");
    private static readonly Kernel SumToPartial = new("reduce.cu", "reduce_sum_to_partial");
    private static readonly Kernel SumFromPartial = new("reduce.cu", "reduce_sum_from_partial");
    private static readonly Kernel MaxForward = new("reduce.cu", "reduce_max");
    private static readonly Kernel MaxBackward = new("reduce.cu", "reduce_max_backward");

    extension(Tensor x)
    {
        /// <summary>The sum over one axis.</summary>
        /// <param name="axis">Which; negative counts from the end.</param>
        /// <returns><c>real[...]</c></returns>
        public Tensor Sum(int axis) => SumOver(x, axis, 1, nameof(Sum));

        /// <summary>The mean over one axis.</summary>
        /// <param name="axis">Which; negative counts from the end.</param>
        /// <returns><c>real[...]</c></returns>
        public Tensor Mean(int axis) => SumOver(x, axis, 1.0 / x.Shape[x.Shape.Axis(axis)], nameof(Mean));

        /// <summary>The sum of all elements: <c>[]</c>.</summary>
        /// <returns><c>real[]</c></returns>
        public Tensor SumAll() => SumOver(x.Reshape(-1), 0, 1, nameof(SumAll));

        /// <summary>The mean of all elements: <c>[]</c>.</summary>
        /// <returns><c>real[]</c></returns>
        public Tensor MeanAll() => SumOver(x.Reshape(-1), 0, 1.0 / x.Count, nameof(MeanAll));

        /// <summary>The largest over one axis. The first of equal ones gets the gradient; NaN never wins.</summary>
        /// <param name="axis">Which; negative counts from the end.</param>
        /// <returns><c>real[...]</c></returns>
        public Tensor Max(int axis)
        {
            (Tensor y, Tensor place, long outer, int count, long inner) = MaxOver(x, axis, nameof(Max));
            return GradNode.Record(nameof(Max), y, [x], dy =>
            {
                Tensor dx = x.Like();
                x.Device.Launch(MaxBackward, WorkOf(outer, count, inner), dx, dy, place, outer, count, inner, BlockOf(inner));
                return [dx];
            });
        }

        /// <summary>Where along one axis the largest lies, the first of equal ones: i32; NaN never wins.</summary>
        /// <param name="axis">Which; negative counts from the end.</param>
        /// <returns><c>i32[...]</c></returns>
        public Tensor ArgMax(int axis) => MaxOver(x, axis, nameof(ArgMax)).Place;
    }

    /// <summary><c>y[outer, inner]</c> = scale · sum of <c>x[outer, count, inner]</c> over the middle, in rounds if it is long.</summary>
    internal static void Sum(Tensor y, Tensor x, long outer, long count, long inner, double scale)
    {
        int run = inner == 1 ? 1024 : 256;
        while (count > 2 * run)
        {
            int runs = checked((int)((count + run - 1) / run));
            Tensor partial = Tensor.Empty([checked((int)outer), runs, checked((int)inner)], y.DType.Sums, y.Device);
            Launch(partial, x, outer, count, inner, run, 1);
            (x, count) = (partial, runs);
        }

        Launch(y, x, outer, count, inner, 2 * run, scale);
    }

    private static void Launch(Tensor y, Tensor x, long outer, long count, long inner, int run, double scale)
    {
        long runs = Math.Max((count + run - 1) / run, 1);
        int block = BlockOf(inner), lanes = inner == 1 ? (int)Math.Clamp(count, 1, 256) : block;
        Work work = Work.Teams(outer * runs * ((inner + block - 1) / block), lanes, block * sizeof(double), Math.Min(run, Math.Max(count, 1)) * block);
        Kernel kernel = x.DType == y.DType ? SumSame : y.DType == DType.F32 ? SumToPartial : SumFromPartial;
        y.Device.Launch(kernel, work, y, x, outer, count, inner, run, block, scale);
    }

    private static Tensor SumOver(Tensor x, int axis, double scale, string op)
    {
        Check.That(x.DType.IsFloat, $"x must hold floating-point numbers, got {x}.", op);
        axis = x.Shape.Axis(axis);
        (long outer, int count, long inner) = ThreeAxes(x.Shape, axis);
        Tensor y = x.New([.. x.Shape.Where((_, i) => i != axis)]);
        Sum(y, x, outer, count, inner, scale);
        return GradNode.Record(op, y, [x], dy =>
        {
            Tensor dx = x.Like();
            CopyOp.Spread(dx, dy, outer, count, inner, scale);
            return [dx];
        });
    }

    private static (Tensor Value, Tensor Place, long Outer, int Count, long Inner) MaxOver(Tensor x, int axis, string op)
    {
        Check.That(x.DType.IsFloat, $"x must hold floating-point numbers, got {x}.", op);
        axis = x.Shape.Axis(axis);
        (long outer, int count, long inner) = ThreeAxes(x.Shape, axis);
        Check.That(count > 0, $"axis {axis} of {x.Shape} is empty.", op);
        Tensor y = x.New([.. x.Shape.Where((_, i) => i != axis)]), place = Tensor.Empty(y.Shape, DType.I32, x.Device);
        x.Device.Launch(MaxForward, WorkOf(outer, count, inner), y, place, x, outer, count, inner, BlockOf(inner));
        return (y, place, outer, count, inner);
    }

    internal static (long Outer, int Count, long Inner) ThreeAxes(Shape shape, int axis) =>
        (shape.CountOf(0, axis), shape[axis], shape.CountOf(axis + 1, shape.Length));

    private static int BlockOf(long inner) => (int)Math.Clamp(inner, 1, Block);

    private static Work WorkOf(long outer, int count, long inner)
    {
        int block = BlockOf(inner);
        return Work.Teams(outer * ((inner + block - 1) / block), inner == 1 ? Math.Min(count, 256) : block, cost: (long)count * block);
    }
}
