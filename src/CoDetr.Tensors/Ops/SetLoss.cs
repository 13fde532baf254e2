namespace CoDetr.Tensors;

/// <summary>The classification term of a set loss.</summary>
public enum ClassTerm
{
    /// <summary>Focal loss, alpha 0.25 and gamma 2.</summary>
    Focal,

    /// <summary>Quality focal loss, beta 2: a positive's target is the IoU of its box, which gets no gradient from it.</summary>
    QualityFocal,
}

/// <summary>The set-prediction loss of assigned predictions, all layers and groups in one launch (spec/losses-and-assignment.md §2.1, §2.2, §3).</summary>
public static class SetLossOp
{
    private static readonly Kernel Forward = new("set_loss.cu", "set_loss_forward");
    private static readonly Kernel Backward = new("set_loss.cu", "set_loss_backward");
    private static readonly Kernel Sum = new("set_loss.cu", "set_loss_sum");
    private static readonly Kernel Positives = new("set_loss.cu", "set_loss_positives");
    private static readonly Kernel WeightsKernel = new("set_loss.cu", "set_loss_weights");

    extension(Tensor logits)
    {
        /// <summary>Class loss, L1 and 1 − generalised IoU, each summed over the pictures and over the predictions of a layer and group.</summary>
        /// <param name="boxes">Unit boxes (cx, cy, w, h): <c>real[problems, predictions, 4]</c>; this is <c>real[problems, predictions, classes]</c>.</param>
        /// <param name="match"><c>i32[problems, predictions]</c>: object of the picture, -1 background, -2 counts nowhere.</param>
        /// <param name="truth">Problem p belongs to layer p / pictures and to picture p modulo pictures.</param>
        /// <param name="groups">How the predictions lie.</param>
        /// <param name="kind">The classification term.</param>
        /// <param name="classWeights"><c>f32[classes]</c> (0 takes a class out: the federated losses); ones if null.</param>
        /// <returns><c>acc[layers, groups, 3]</c></returns>
        public Tensor SetLoss(Tensor boxes, Tensor match, MatchTruth truth, QueryGroups groups, ClassTerm kind, Tensor? classWeights = null)
        {
            Check.Rank(logits, 3);
            (int problems, int predictions, int classes) = (logits.Shape[0], logits.Shape[1], logits.Shape[2]);
            (int images, int most) = (truth.Boxes.Shape[0], truth.Boxes.Shape[1]);
            Check.Shape(boxes, [problems, predictions, 4]);
            Check.Shape(match, [problems, predictions]);
            Check.Shape(truth.Sizes, [images, 2]);
            Check.That(problems % images == 0, $"{problems} problems do not divide among {images} pictures.");
            Check.That(groups.Queries == predictions, $"groups have {groups.Queries} queries, predictions are {predictions}.");
            Check.That((classWeights?.Count ?? classes) == classes, $"class weights of {classes} classes cannot be {classWeights}.");
            Work work = Work.Teams((long)problems * predictions, classes, cost: (20L * classes) + 40);
            int layers = problems / images;
            Tensor rows = truth.Sizes.New(3, problems, predictions), loss = truth.Sizes.New(layers, groups.Count, 3);
            logits.Device.Launch(
                Forward, work, rows, logits, boxes, match, truth.Boxes, truth.Labels, truth.Sizes, classWeights,
                problems, images, most, predictions, classes, (int)kind);
            logits.Device.Launch(
                Sum, Work.Teams(loss.Count, 1024, cost: (long)images * predictions / groups.Count), loss, rows, groups.Starts,
                layers, groups.Count, images, predictions);
            return GradNode.Record(nameof(SetLoss), loss, [logits, boxes], dloss =>
            {
                Tensor dlogits = logits.Like(), dboxes = boxes.Like();
                logits.Device.Launch(
                    Backward, work, dlogits, dboxes, dloss, groups.Starts, logits, boxes, match, truth.Boxes, truth.Labels, truth.Sizes, classWeights,
                    problems, images, most, predictions, classes, groups.Count, (int)kind);
                return [dlogits, dboxes];
            });
        }
    }

    extension(Tensor match)
    {
        /// <summary>How many predictions of each group answer for an object.</summary>
        /// <param name="images">Pictures: this tensor is <c>i32[problems, predictions]</c>, and those of the first layer are counted.</param>
        /// <param name="groups">How the predictions lie.</param>
        /// <returns><c>f32[groups]</c></returns>
        public Tensor CountPositives(int images, QueryGroups groups)
        {
            Check.Type(match, DType.I32);
            Check.Rank(match, 2);
            Check.That(match.Shape[0] >= images && match.Shape[1] == groups.Queries, $"match must be [problems, {groups.Queries}], got {match.Shape}.");
            Tensor positives = Tensor.Empty([groups.Count], device: match.Device);
            match.Device.Launch(
                Positives, Work.Teams(groups.Count, 1024, cost: (long)images * groups.Queries / groups.Count), positives, match, groups.Starts,
                groups.Count, images, groups.Queries);
            return positives;
        }
    }

    extension(Tensor positives)
    {
        /// <summary>What a group's losses are multiplied by: the weights over the number of its positives, at least one.</summary>
        /// <param name="weights">Of the three losses; this tensor is <c>f32[groups]</c>.</param>
        /// <returns><c>f32[groups, 3]</c></returns>
        public Tensor SetLossWeights(MatchWeights weights)
        {
            Check.Rank(positives, 1);
            Tensor factors = positives.New(positives.Shape[0], 3);
            positives.Device.Launch(
                WeightsKernel, Work.Elements(positives.Count), factors, positives, positives.Shape[0], weights.Class, weights.Box, weights.Iou);
            return factors;
        }
    }
}
