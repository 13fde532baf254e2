namespace CoDetr.Tensors;

/// <summary>The set-prediction loss of matched predictions, all layers in one launch (spec/losses-and-assignment.md §2.1, §3).</summary>
public static class SetLossOp
{
    private static readonly Kernel Forward = new("set_loss.cu", "set_loss_forward");
    private static readonly Kernel Backward = new("set_loss.cu", "set_loss_backward");
    private static readonly Kernel WeightsKernel = new("set_loss.cu", "set_loss_weights");

    extension(Tensor logits)
    {
        /// <summary>What the three losses are multiplied by: the weights over the number of matches, which follows from the counts.</summary>
        /// <param name="counts"><c>i32[images]</c>: objects of each picture</param>
        /// <param name="weights">Of the three losses.</param>
        /// <returns><c>f32[3]</c></returns>
        public Tensor SetLossWeights(Tensor counts, MatchWeights weights)
        {
            Check.Rank(logits, 3);
            Tensor factors = Tensor.Empty([3], device: logits.Device);
            logits.Device.Launch(
                WeightsKernel, Work.Elements(1), factors, counts, counts.Shape[0], logits.Shape[1], weights.Class, weights.Box, weights.Iou);
            return factors;
        }

        /// <summary>Focal loss, L1 and 1 − generalised IoU, each summed over the pictures and predictions of a layer.</summary>
        /// <param name="boxes">Unit boxes (cx, cy, w, h): <c>real[problems, predictions, 4]</c>; <paramref name="logits"/> is <c>real[problems, predictions, classes]</c>.</param>
        /// <param name="match">From <c>Hungarian</c>: <c>i32[problems, predictions]</c>.</param>
        /// <param name="truth">Problem p belongs to layer p / pictures and to picture p modulo pictures.</param>
        /// <returns><c>acc[layers, 3]</c></returns>
        public Tensor SetLoss(Tensor boxes, Tensor match, MatchTruth truth)
        {
            Check.Rank(logits, 3);
            (int problems, int predictions, int classes) = (logits.Shape[0], logits.Shape[1], logits.Shape[2]);
            (int images, int most) = (truth.Boxes.Shape[0], truth.Boxes.Shape[1]);
            Check.Shape(boxes, [problems, predictions, 4]);
            Check.Shape(match, [problems, predictions]);
            Check.Shape(truth.Sizes, [images, 2]);
            Check.That(problems % images == 0, $"{problems} problems do not divide among {images} pictures.");
            Work work = Work.Teams((long)problems * predictions, classes, cost: (20L * classes) + 40);
            Tensor rows = truth.Sizes.New(problems, predictions, 3);
            logits.Device.Launch(
                Forward, work, rows, logits, boxes, match, truth.Boxes, truth.Labels, truth.Sizes, problems, images, most, predictions, classes);
            Tensor loss;
            using (NoGrad.Begin())
            {
                loss = rows.View(0, [problems / images, images * predictions, 3]).Sum(1);
            }

            return GradNode.Record(nameof(SetLoss), loss, [logits, boxes], dloss =>
            {
                Tensor dlogits = logits.Like(), dboxes = boxes.Like();
                logits.Device.Launch(
                    Backward, work, dlogits, dboxes, dloss, logits, boxes, match, truth.Boxes, truth.Labels, truth.Sizes, problems, images, most, predictions, classes);
                return [dlogits, dboxes];
            });
        }
    }
}
