namespace CoDetr.Tensors;

/// <summary>Truths of a batch as the matching kernels take them.</summary>
/// <param name="Boxes"><c>f32[images, most, 4]</c>: x1 y1 x2 y2 in pixels of the network's input.</param>
/// <param name="Labels"><c>i32[images, most]</c>; null if every object counts as class 0.</param>
/// <param name="Counts"><c>i32[images]</c>: objects of each picture.</param>
/// <param name="Sizes"><c>f32[images, 2]</c>: height and width of each picture before padding.</param>
public sealed record MatchTruth(Tensor Boxes, Tensor? Labels, Tensor Counts, Tensor Sizes);

/// <summary>The weights of class, L1 and generalised-IoU terms, of a cost or a loss.</summary>
public readonly record struct MatchWeights(float Class, float Box, float Iou);

/// <summary>Costs of one-to-one matching (spec/losses-and-assignment.md §4.1). No gradient.</summary>
public static class MatchCostOp
{
    private static readonly Kernel Cost = new("match_cost.cu", "match_cost");

    extension(Tensor logits)
    {
        /// <summary>The cost of letting each prediction answer for each truth of its picture.</summary>
        /// <param name="boxes">Unit boxes (cx, cy, w, h): <c>f32[problems, predictions, 4]</c>; <paramref name="logits"/> is <c>f32[problems, predictions, classes]</c>.</param>
        /// <param name="truth">Problem p belongs to picture p modulo their number.</param>
        /// <param name="weights">Weights of the three terms.</param>
        /// <returns><c>f32[problems, most, predictions]</c>; beyond a picture's count undefined.</returns>
        public Tensor MatchCost(Tensor boxes, MatchTruth truth, MatchWeights weights)
        {
            Check.Rank(logits, 3);
            (int problems, int predictions, int classes) = (logits.Shape[0], logits.Shape[1], logits.Shape[2]);
            (int images, int most) = (truth.Boxes.Shape[0], truth.Boxes.Shape[1]);
            Check.Shape(boxes, [problems, predictions, 4]);
            Check.Shape(truth.Counts, [images]);
            Check.Shape(truth.Sizes, [images, 2]);
            Tensor cost = logits.New(problems, most, predictions);
            logits.Device.Launch(
                Cost, Work.Teams((long)problems * most, predictions, cost: 40L * predictions), cost, logits, boxes, truth.Boxes, truth.Labels, truth.Counts, truth.Sizes,
                problems, images, most, predictions, classes, weights.Class, weights.Box, weights.Iou);
            return cost;
        }
    }
}
