namespace CoDetr.Tensors;

/// <summary>
/// Losses of logits <c>real[..., classes]</c>; a row is all but the last dimension. A label from <c>classes</c> on is background, one below 0 is ignored.
/// Weights are <c>f32[rows]</c> or <c>f32[rows, classes]</c>, class weights <c>f32[classes]</c> (0 takes a class out: the federated losses).
/// </summary>
public static class ClassLossOp
{
    private static readonly Kernel Forward = new("class_loss.cu", "class_loss_forward");
    private static readonly Kernel Backward = new("class_loss.cu", "class_loss_backward");
    private static readonly Kernel SoftmaxForward = new("class_loss.cu", "class_loss_softmax_forward");
    private static readonly Kernel SoftmaxBackward = new("class_loss.cu", "class_loss_softmax_backward");

    /// <summary>As in class_loss.cu.</summary>
    private enum Kind
    {
        Focal,
        QualityFocal,
        Varifocal,
        VarifocalEven,
        BinaryOfLabels,
        Binary,
    }

    extension(Tensor logits)
    {
        /// <summary>Sigmoid focal loss (Lin et al., 2017).</summary>
        /// <param name="labels"><c>i32[rows]</c></param>
        /// <param name="reduction">No reduction gives a value per logit.</param>
        /// <param name="weights">Per row or per logit; ones if null.</param>
        /// <param name="classWeights">Ones if null.</param>
        /// <param name="alpha">The share of positives.</param>
        /// <param name="gamma">How fast easy examples fade.</param>
        public Tensor FocalLoss(
            Tensor labels, LossReduction reduction, Tensor? weights = null, Tensor? classWeights = null, float alpha = 0.25f, float gamma = 2) =>
            Run(logits, nameof(FocalLoss), Kind.Focal, reduction, null, labels, null, weights, classWeights, alpha, gamma);

        /// <summary>Quality focal loss (Li et al., 2020): the target of a row's label is a score, no gradient for it. A row's value is the sum over classes.</summary>
        /// <param name="labels"><c>i32[rows]</c></param>
        /// <param name="scores"><c>f32[rows]</c>, in [0, 1]</param>
        /// <param name="reduction">No reduction gives a value per row, a mean is one over rows.</param>
        /// <param name="weights">Per row; ones if null.</param>
        /// <param name="classWeights">Ones if null.</param>
        /// <param name="beta">How fast easy examples fade.</param>
        public Tensor QualityFocalLoss(
            Tensor labels, Tensor scores, LossReduction reduction, Tensor? weights = null, Tensor? classWeights = null, float beta = 2) =>
            Run(logits, nameof(QualityFocalLoss), Kind.QualityFocal, reduction, null, labels, scores, weights, classWeights, 1, beta);

        /// <summary>Varifocal loss (Zhang et al., 2021).</summary>
        /// <param name="targets"><c>f32[rows, classes]</c>: the quality where positive, else 0</param>
        /// <param name="reduction">No reduction gives a value per logit.</param>
        /// <param name="weights">Per row or per logit; ones if null.</param>
        /// <param name="alpha">The weight of negatives.</param>
        /// <param name="gamma">How fast easy negatives fade.</param>
        /// <param name="qualityWeighted">Whether positives weigh as much as their quality, or 1.</param>
        public Tensor VarifocalLoss(
            Tensor targets, LossReduction reduction, Tensor? weights = null, float alpha = 0.75f, float gamma = 2, bool qualityWeighted = true) =>
            Run(
                logits, nameof(VarifocalLoss), qualityWeighted ? Kind.Varifocal : Kind.VarifocalEven, reduction, targets, null, null, weights, null, alpha, gamma);

        /// <summary>Binary cross entropy of each logit.</summary>
        /// <param name="targets">Labels <c>i32[rows]</c>, or targets <c>f32[rows, classes]</c> in [0, 1] of which those below 0 are ignored.</param>
        /// <param name="reduction">No reduction gives a value per logit.</param>
        /// <param name="weights">Per row or per logit; ones if null.</param>
        /// <param name="classWeights">Ones if null.</param>
        public Tensor BinaryCrossEntropy(Tensor targets, LossReduction reduction, Tensor? weights = null, Tensor? classWeights = null)
        {
            bool isLabel = targets.DType == DType.I32;
            return Run(
                logits, nameof(BinaryCrossEntropy), isLabel ? Kind.BinaryOfLabels : Kind.Binary, reduction, isLabel ? null : targets, isLabel ? targets : null, null, weights, classWeights, 1, 2);
        }

        /// <summary>Cross entropy of the softmax over classes; a label from <c>classes</c> on is ignored too.</summary>
        /// <param name="labels"><c>i32[rows]</c></param>
        /// <param name="reduction">No reduction gives a value per row.</param>
        /// <param name="weights"><c>f32[rows]</c>; ones if null.</param>
        public Tensor CrossEntropy(Tensor labels, LossReduction reduction, Tensor? weights = null)
        {
            Check.Type(labels, DType.I32);
            return Softmax(logits, nameof(CrossEntropy), labels, null, weights, reduction);
        }

        /// <summary>Distribution focal loss (Li et al., 2020): cross entropy with the two bins around a number, each the nearer the more.</summary>
        /// <param name="targets"><c>f32[rows]</c>, in [0, bins - 1]; the logits are <c>real[rows, bins]</c></param>
        /// <param name="reduction">No reduction gives a value per row.</param>
        /// <param name="weights"><c>f32[rows]</c>; ones if null.</param>
        public Tensor DistributionFocalLoss(Tensor targets, LossReduction reduction, Tensor? weights = null) =>
            Softmax(logits, nameof(DistributionFocalLoss), null, targets, weights, reduction);
    }

    private static Tensor Run(
        Tensor x, string op, Kind kind, LossReduction reduction, Tensor? targets, Tensor? labels, Tensor? scores, Tensor? weights, Tensor? classWeights,
        float alpha, float gamma)
    {
        int classes = x.Shape[^1];
        long rows = x.Count / Math.Max(classes, 1);
        Check.That((targets?.Count ?? x.Count) == x.Count, $"targets of {x.Shape} logits cannot be {targets}.", op);
        Check.That((labels?.Count ?? rows) == rows, $"labels of {x.Shape} logits cannot be {labels}.", op);
        Check.That((scores?.Count ?? rows) == rows, $"scores of {x.Shape} logits cannot be {scores}.", op);
        Check.That(weights is null || weights.Count == rows || weights.Count == x.Count, $"weights of {x.Shape} logits cannot be {weights}.", op);
        Check.That((classWeights?.Count ?? classes) == classes, $"class weights of {x.Shape} logits cannot be {classWeights}.", op);

        bool sumRows = !reduction.IsNone || reduction.IsEachRow || kind == Kind.QualityFocal;
        int weightsOfRow = weights is not null && weights.Count > rows ? classes : 1;
        Work work = Work.Teams(rows, classes, cost: 40L * classes);
        Tensor values = Tensor.Empty(sumRows ? [.. x.Shape.Take(x.Shape.Length - 1)] : x.Shape, x.DType.Sums, x.Device);
        x.Device.Launch(
            Forward, work, values, x, targets, labels, scores, weights, classWeights, rows, classes, weightsOfRow, sumRows ? 1 : 0, (int)kind, alpha, gamma);
        long rowStep = !reduction.IsNone ? 0 : sumRows ? 1 : classes;
        int classStep = reduction.IsNone && !sumRows ? 1 : 0;
        return reduction.Record(op, x, values, kind == Kind.QualityFocal ? rows : x.Count, (dx, upstream) => x.Device.Launch(
            Backward, work, dx, upstream, x, targets, labels, scores, weights, classWeights, rows, classes, weightsOfRow, rowStep, classStep, (int)kind, alpha, gamma));
    }

    private static Tensor Softmax(Tensor x, string op, Tensor? labels, Tensor? targets, Tensor? weights, LossReduction reduction)
    {
        int classes = x.Shape[^1];
        long rows = x.Count / Math.Max(classes, 1);
        Check.That((labels ?? targets)!.Count == rows, $"targets of {x.Shape} logits cannot be {labels ?? targets}.", op);
        Check.That((weights?.Count ?? rows) == rows, $"weights of {x.Shape} logits cannot be {weights}.", op);
        Work work = Work.Teams(rows, classes, cost: 20L * classes);
        Tensor values = Tensor.Empty([.. x.Shape.Take(x.Shape.Length - 1)], x.DType.Sums, x.Device);
        x.Device.Launch(SoftmaxForward, work, values, x, labels, targets, weights, rows, classes);
        return reduction.Record(op, x, values, rows, (dx, upstream) =>
            x.Device.Launch(SoftmaxBackward, work, dx, upstream, x, labels, targets, weights, rows, classes, reduction.IsNone ? 1 : 0));
    }
}
