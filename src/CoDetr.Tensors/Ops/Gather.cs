namespace CoDetr.Tensors;

/// <summary>Reading at computed places. Indices are i32; a negative one reads zero and gives no gradient, others must lie within the axis.</summary>
public static class GatherOp
{
    private const int Block = 64; // channels that one owner scatters into
    private static readonly Kernel RowsForward = new("gather.cu", "gather_rows_forward");
    private static readonly Kernel RowsBackward = new("gather.cu", "gather_rows_backward");
    private static readonly Kernel AxisForward = new("gather.cu", "gather_axis_forward");
    private static readonly Kernel AxisBackward = new("gather.cu", "gather_axis_backward");

    extension(Tensor x)
    {
        /// <summary>Picks rows of each batch element: <c>y[b, j] = x[b, index[b, j]]</c>.</summary>
        /// <param name="index"><c>i32[batch, picks]</c></param>
        /// <returns><c>real[batch, picks, ...]</c> of <c>real[batch, rows, ...]</c></returns>
        public Tensor GatherRows(Tensor index)
        {
            Check.That(x.Shape.Length >= 2, $"x must be [batch, rows, ...], got {x.Shape}.");
            Check.Type(index, DType.I32);
            (int batch, int rows, int inner) = (x.Shape[0], x.Shape[1], (int)x.Shape.CountOf(2, x.Shape.Length));
            Check.That(index.Shape.Length == 2 && index.Shape[0] == batch, $"index must be [batch, picks] with batch = {batch}, got {index.Shape}.");
            int picks = index.Shape[1];
            Tensor y = Tensor.Empty(x.Shape.With(1, picks), x.DType, x.Device);
            x.Device.Launch(
                RowsForward, Work.Teams((long)batch * picks, Math.Min(inner, 256), cost: inner), CopyOp.AsFloats(y), CopyOp.AsFloats(x), index, batch, rows, picks, inner);
            return GradNode.Record(nameof(GatherRows), y, [x], dy => [Scattered(x, dx =>
            {
                int block = Math.Clamp(inner, 1, Block), blocks = (inner + block - 1) / block;
                Work work = Work.Teams((long)batch * blocks * picks, block);
                x.Device.Launch(RowsBackward, work, dx, dy, index, batch, rows, picks, inner, block);
            })]);
        }

        /// <summary>Picks along the first axis: <c>y[j] = x[index[j]]</c>.</summary>
        /// <param name="index"><c>i32[picks]</c></param>
        /// <returns><c>real[picks, ...]</c> of <c>real[rows, ...]</c></returns>
        public Tensor IndexSelect(Tensor index)
        {
            Check.Rank(index, 1);
            return x.Reshape([1, .. x.Shape]).GatherRows(index.Reshape(1, index.Shape[0])).Reshape(x.Shape.With(0, index.Shape[0]));
        }

        /// <summary>Picks along an axis, each place by itself: <c>y[o, j, i] = x[o, index[o, j, i], i]</c>.</summary>
        /// <param name="axis">Which; negative counts from the end.</param>
        /// <param name="index">i32; the shape of this tensor except along the axis</param>
        /// <returns><c>real[...]</c>, the shape of <paramref name="index"/></returns>
        public Tensor Gather(int axis, Tensor index)
        {
            axis = x.Shape.Axis(axis);
            Check.Type(index, DType.I32);
            Check.That(
                index.Shape.Length == x.Shape.Length && index.Shape.With(axis, 0) == x.Shape.With(axis, 0),
                $"index must be {x.Shape} except along axis {axis}, got {index.Shape}.");
            (long outer, int count, long run) = ReduceOp.ThreeAxes(x.Shape, axis);
            int inner = checked((int)run), picks = index.Shape[axis];
            Tensor y = Tensor.Empty(index.Shape, x.DType, x.Device);
            Work work = Work.Teams(outer * picks, Math.Min(inner, 256), cost: inner);
            x.Device.Launch(AxisForward, work, CopyOp.AsFloats(y), CopyOp.AsFloats(x), index, outer, count, picks, inner);
            return GradNode.Record(
                nameof(Gather), y, [x], dy => [Scattered(x, dx => x.Device.Launch(AxisBackward, work, dx, dy, index, outer, count, picks, inner))]);
        }
    }

    /// <summary>A gradient of x that starts as zeros; it is summed in f32 where x is stored shorter.</summary>
    private static Tensor Scattered(Tensor x, Action<Tensor> scatter)
    {
        Tensor dx = Tensor.Zeros(x.Shape, x.DType.Sums, x.Device);
        scatter(dx);
        return dx.Cast(x.DType);
    }
}
