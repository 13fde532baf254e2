namespace CoDetr.Tensors;

/// <summary>How much two boxes share.</summary>
public enum Overlap
{
    /// <summary>Intersection over union.</summary>
    IoU,

    /// <summary>Intersection over the first box.</summary>
    IoF,

    /// <summary>Generalized IoU: minus the part of the smallest enclosing box that neither covers.</summary>
    GIoU,
}

/// <summary>Boxes <c>f32[..., 4]</c>: corners (x1, y1, x2, y2), centers (center x, center y, width, height), overlaps, and the inverse of the sigmoid.</summary>
public static class BoxesOp
{
    private static readonly Kernel CornersForward = new("box.cu", "box_to_corners");
    private static readonly Kernel CornersBackward = new("box.cu", "box_to_corners_backward");
    private static readonly Kernel CentersForward = new("box.cu", "box_to_centers");
    private static readonly Kernel CentersBackward = new("box.cu", "box_to_centers_backward");
    private static readonly Kernel Pairwise = new("box.cu", "box_pairwise");
    private static readonly Kernel Aligned = new("box.cu", "box_aligned");
    private static readonly Kernel InverseSigmoidForward = new("inverse_sigmoid.cu", "inverse_sigmoid_forward");
    private static readonly Kernel InverseSigmoidBackward = new("inverse_sigmoid.cu", "inverse_sigmoid_backward");

    extension(Tensor x)
    {
        /// <summary>Centers to corners.</summary>
        public Tensor ToCorners() => Convert(x, CornersForward, CornersBackward, nameof(ToCorners));

        /// <summary>Corners to centers.</summary>
        public Tensor ToCenters() => Convert(x, CentersForward, CentersBackward, nameof(ToCenters));

        /// <summary>The overlap of every box with every one of <paramref name="others"/>; corners, no gradient.</summary>
        /// <param name="others"><c>f32[columns, 4]</c>, or <c>f32[batch, columns, 4]</c> if this is <c>f32[batch, rows, 4]</c></param>
        /// <param name="overlap">Which.</param>
        /// <param name="epsilon">The least denominator.</param>
        /// <returns><c>f32[rows, columns]</c> or <c>f32[batch, rows, columns]</c></returns>
        public Tensor PairwiseOverlap(Tensor others, Overlap overlap = Overlap.IoU, float epsilon = 1e-6f)
        {
            int rank = x.Shape.Length, rows = x.Shape[^2], columns = others.Shape[^2], batch = rank == 3 ? x.Shape[0] : 1;
            Check.That(rank is 2 or 3, $"boxes are [rows, 4] or [batch, rows, 4], got {x.Shape}.");
            Check.Shape(x, rank == 2 ? [rows, 4] : [batch, rows, 4]);
            Check.Shape(others, rank == 2 ? [columns, 4] : [batch, columns, 4]);
            Tensor y = rank == 2 ? x.New(rows, columns) : x.New(batch, rows, columns);
            x.Device.Launch(
                Pairwise, Work.Teams((long)batch * rows, columns, cost: 20L * columns), y, x, others, batch, rows, columns, (int)overlap, epsilon);
            return y;
        }

        /// <summary>The overlap of each box with the one in the same place of <paramref name="others"/>; corners, no gradient.</summary>
        /// <param name="others">The same shape.</param>
        /// <param name="overlap">Which.</param>
        /// <param name="epsilon">The least denominator.</param>
        /// <returns>The shape without the last dimension.</returns>
        public Tensor AlignedOverlap(Tensor others, Overlap overlap = Overlap.IoU, float epsilon = 1e-6f)
        {
            Check.Shape(others, x.Shape);
            Check.That(x.Shape[^1] == 4, $"a box has four numbers, got {x.Shape}.");
            Tensor y = Tensor.Empty([.. x.Shape.Take(x.Shape.Length - 1)], x.DType, x.Device);
            x.Device.Launch(Aligned, Work.Elements(y.Count, 20), y, x, others, y.Count, (int)overlap, epsilon);
            return y;
        }

        /// <summary>The logit of a fraction: ln(max(x, ε) / max(1 - x, ε)) of x clamped to [0, 1].</summary>
        /// <param name="epsilon">Bounds the result to ±ln(1/ε).</param>
        public Tensor InverseSigmoid(float epsilon = 1e-5f)
        {
            Tensor y = x.Like();
            x.Device.Launch(InverseSigmoidForward, Work.Elements(x.Count, 8), y, x, x.Count, epsilon);
            return GradNode.Record(nameof(InverseSigmoid), y, [x], dy =>
            {
                Tensor dx = x.Like();
                x.Device.Launch(InverseSigmoidBackward, Work.Elements(x.Count, 4), dx, dy, x, x.Count, epsilon);
                return [dx];
            });
        }
    }

    private static Tensor Convert(Tensor x, Kernel forward, Kernel backward, string op)
    {
        Check.That(x.Shape[^1] == 4, $"a box has four numbers, got {x.Shape}.", op);
        long rows = x.Count / 4;
        Tensor y = x.Like();
        x.Device.Launch(forward, Work.Elements(rows, 8), y, x, rows);
        return GradNode.Record(op, y, [x], dy =>
        {
            Tensor dx = x.Like();
            x.Device.Launch(backward, Work.Elements(rows, 8), dx, dy, rows);
            return [dx];
        });
    }
}
