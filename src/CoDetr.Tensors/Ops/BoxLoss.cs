namespace CoDetr.Tensors;

/// <summary>Losses that compare the overlap of two boxes.</summary>
public enum BoxLossKind
{
    /// <summary>-ln IoU.</summary>
    LogIoU,

    /// <summary>1 - IoU.</summary>
    LinearIoU,

    /// <summary>1 - IoU².</summary>
    SquareIoU,

    /// <summary>1 - generalized IoU.</summary>
    GIoU,

    /// <summary>1 - IoU + squared distance of the centers over the squared diagonal of the enclosing box.</summary>
    DIoU,

    /// <summary>The same and a term for the aspect ratio.</summary>
    CIoU,
}

/// <summary>Regression losses of boxes. The gradient is that of the predictions. What has weight 0 adds nothing, even if it is not finite.</summary>
public static class BoxLossOp
{
    private static readonly Kernel L1Forward = new("box_loss.cu", "box_loss_l1_forward");
    private static readonly Kernel L1Backward = new("box_loss.cu", "box_loss_l1_backward");
    private static readonly Kernel IouForward = new("box_loss.cu", "box_loss_iou_forward");
    private static readonly Kernel IouBackward = new("box_loss.cu", "box_loss_iou_backward");

    extension(Tensor x)
    {
        /// <summary>|x - target| of each number, <c>real[...]</c>.</summary>
        /// <param name="targets">The same shape.</param>
        /// <param name="reduction">No reduction gives a value per number.</param>
        /// <param name="weights">The same shape, or without the last dimension; ones if null.</param>
        public Tensor L1Loss(Tensor targets, LossReduction reduction, Tensor? weights = null) => L1(x, targets, reduction, weights, 0, nameof(L1Loss));

        /// <summary>The same, a parabola below <paramref name="beta"/>.</summary>
        /// <inheritdoc cref="L1Loss"/>
        public Tensor SmoothL1Loss(Tensor targets, LossReduction reduction, Tensor? weights = null, float beta = 1)
        {
            Check.That(beta > 0, $"beta must be positive, got {beta}.");
            return L1(x, targets, reduction, weights, beta, nameof(SmoothL1Loss));
        }

        /// <summary>A loss of overlaps; boxes are corners (x1, y1, x2, y2), <c>f32[..., 4]</c>.</summary>
        /// <param name="targets">The same shape.</param>
        /// <param name="kind">Which.</param>
        /// <param name="reduction">No reduction gives a value per box.</param>
        /// <param name="weights">One per box, or four whose mean it is; ones if null.</param>
        /// <param name="epsilon">Keeps denominators from zero.</param>
        public Tensor BoxLoss(Tensor targets, BoxLossKind kind, LossReduction reduction, Tensor? weights = null, float epsilon = 1e-6f)
        {
            Check.Shape(targets, x.Shape);
            Check.That(x.Shape[^1] == 4, $"a box has four numbers, got {x.Shape}.");
            long rows = x.Count / 4;
            Check.That(weights is null || weights.Count == rows || weights.Count == x.Count, $"weights of {x.Shape} boxes cannot be {weights}.");
            int perBox = weights is not null && weights.Count > rows ? 4 : 1;
            Work work = Work.Elements(rows, 64);
            Tensor values = Tensor.Empty([.. x.Shape.Take(x.Shape.Length - 1)], x.DType, x.Device);
            x.Device.Launch(IouForward, work, values, x, targets, weights, rows, perBox, (int)kind, epsilon);
            return reduction.Record(kind + "Loss", x, values, rows, (dx, upstream) => x.Device.Launch(
                IouBackward, work, dx, upstream, x, targets, weights, rows, perBox, reduction.IsNone ? 1 : 0, (int)kind, epsilon));
        }
    }

    private static Tensor L1(Tensor x, Tensor targets, LossReduction reduction, Tensor? weights, float beta, string op)
    {
        Check.Shape(targets, x.Shape, op: op);
        int last = x.Shape.Length > 0 ? x.Shape[^1] : 1;
        Check.That(weights is null || weights.Count == x.Count || weights.Count * last == x.Count, $"weights of {x.Shape} cannot be {weights}.", op);
        int per = weights is null || weights.Count == x.Count ? 1 : last;
        Work work = Work.Elements(x.Count, 8);
        Tensor values = x.Like();
        x.Device.Launch(L1Forward, work, values, x, targets, weights, x.Count, per, beta);
        return reduction.Record(op, x, values, x.Count, (dx, upstream) =>
            x.Device.Launch(L1Backward, work, dx, upstream, x, targets, weights, x.Count, per, reduction.IsNone ? 1 : 0, beta));
    }
}
