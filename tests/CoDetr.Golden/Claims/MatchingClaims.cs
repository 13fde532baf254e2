using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>One-to-one matching: the assignment alone, and with its costs.</summary>
internal static class MatchingClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("assign/lsa_*", Assignment),
        new("assign/hungarian_*", Matching),
    ];

    /// <summary>The stored rows are our predictions, the columns our truths; equal costs must fall as in the reference, tied cases included.</summary>
    private static void Assignment(GoldenCase golden)
    {
        Shape shape = golden.ShapeOf("cost");
        (int rows, int columns) = (shape[0], shape[1]);
        double[] cost = golden.Doubles("cost");
        int[] match = rows == 0 ? [] : Tensor.From(GoldenArrays.Permute(cost, shape, [1, 0]), [1, columns, rows]).Hungarian(Tensor.From(columns)).Match.ToArray<int>();
        int[] matched = [.. Enumerable.Range(0, rows).Where(row => match[row] >= 0)];
        golden.Compare<int>("row_ind", matched);
        golden.Compare<int>("col_ind", [.. matched.Select(row => match[row])]);
        if (golden.Has("total"))
        {
            golden.Compare<double>("total", [matched.Sum(row => cost[(row * columns) + match[row]])]);
        }
    }

    private static void Matching(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        (int height, int width) = (config.GetProperty("img_shape")[0].GetInt32(), config.GetProperty("img_shape")[1].GetInt32());
        (int predictions, int classes, int truths) = (golden.ShapeOf("cls_logits")[0], golden.ShapeOf("cls_logits")[1], golden.ShapeOf("gt_bboxes")[0]);
        int[] labels = golden.Ints("gt_labels");
        Truth truth = Truth.From([golden.Floats("gt_bboxes")], [labels]);
        MatchTruth objects = SetPredictionLoss.ToMatch(truth, ImageBatch.Upload([new ImageSize(height, width)]));
        Tensor logits = golden.Tensor("cls_logits", shape: [1, predictions, classes]), boxes = golden.Tensor("bbox_pred", shape: [1, predictions, 4]);
        foreach ((string name, MatchWeights weights) in new (string, MatchWeights)[]
        {
            ("cls_cost", new(2, 0, 0)), ("reg_cost", new(0, 5, 0)), ("iou_cost", new(0, 0, 2)), ("cost", new(2, 5, 2)),
        })
        {
            if (golden.Has(name))
            {
                Tensor cost = logits.MatchCost(boxes, objects, weights).Slice(1, 0, truths);
                golden.ComparePermuted(name, cost.Reshape(truths, predictions), 1, 0);
            }
        }

        int[] match = logits.MatchCost(boxes, objects, new MatchWeights(2, 5, 2)).Hungarian(objects.Counts).Match.ToArray<int>();
        golden.Compare<int>("gt_inds", [.. match.Select(k => k + 1)]);
        golden.Compare<int>("labels", [.. match.Select(k => k < 0 ? -1 : labels[k])]);
    }
}
