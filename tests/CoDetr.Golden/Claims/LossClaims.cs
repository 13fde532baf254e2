using System.Text.Json;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Losses: value and gradient, with each way of reducing.</summary>
internal static class LossClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        Of("sigmoid_focal_*", (g, x, w, r) => x.FocalLoss(Labels(g), r, w, null, Number(g, "alpha"), Number(g, "gamma"))),
        Of("qfl_*", (g, x, w, r) => x.QualityFocalLoss(Labels(g), g.Tensor("score"), r, w, null, Number(g, "beta"))),
        Of("varifocal_*", (g, x, w, r) =>
            x.VarifocalLoss(g.Tensor("target"), r, w, Number(g, "alpha"), Number(g, "gamma"), g.Config.GetProperty("iou_weighted").GetBoolean())),
        Of("bce_rpn_*", (g, x, w, r) => x.BinaryCrossEntropy(Labels(g), r, w)),
        Of("bce_centerness_*", (g, x, w, r) => x.BinaryCrossEntropy(g.Tensor("label"), r, w)),
        Of("softmax_ce_*", (g, x, w, r) => x.CrossEntropy(Labels(g), r, w)),
        Of("dfl_*", (g, x, w, r) => x.DistributionFocalLoss(g.Tensor("label"), r, w)),
        Of("l1_*", (g, x, w, r) => x.L1Loss(g.Tensor("target"), r, w)),
        Of("smooth_l1_*", (g, x, w, r) => x.SmoothL1Loss(g.Tensor("target"), r, w, Number(g, "beta"))),
        Of("iou_*", Boxes), Of("giou_*", Boxes), Of("diou_*", Boxes), Of("ciou_*", Boxes),
        new("losses/fed_focal", g => Compare(g, x => x.FocalLoss(Labels(g), LossReduction.Over(Number(g, "avg_factor")), null, Sampled(g)))),
        new("losses/fed_bce", g => Compare(g, x => x.BinaryCrossEntropy(Labels(g), LossReduction.Sum with { Weight = 1f / x.Shape[0] }, null, Sampled(g)))),
    ];

    private static Claim Of(string name, Func<GoldenCase, Tensor, Tensor?, LossReduction, Tensor> loss) => new(
        "losses/" + name,
        g => Compare(g, x => loss(g, x, g.Has("weight") ? g.Tensor("weight") : null, Reduction(g.Config))));

    private static void Compare(GoldenCase golden, Func<Tensor, Tensor> loss)
    {
        Tensor x = golden.Tensor("pred", requiresGrad: true), y = loss(x);
        y.Backward(golden.Has("gradout.loss") ? golden.Tensor("gradout.loss") : null);
        golden.Compare("loss", y);
        golden.Compare("grad.pred", x.Grad);
    }

    private static Tensor Boxes(GoldenCase golden, Tensor x, Tensor? weights, LossReduction reduction)
    {
        BoxLossKind kind = golden.Name.Split('/')[1].Split('_')[0] switch
        {
            "giou" => BoxLossKind.GIoU,
            "diou" => BoxLossKind.DIoU,
            "ciou" => BoxLossKind.CIoU,
            _ => golden.Config.GetProperty("mode").GetString() switch
            {
                "linear" => BoxLossKind.LinearIoU,
                "square" => BoxLossKind.SquareIoU,
                _ => BoxLossKind.LogIoU,
            },
        };
        return x.BoxLoss(golden.Tensor("target"), kind, reduction, weights, Number(golden, "eps"));
    }

    private static LossReduction Reduction(JsonElement config) => config.GetProperty("reduction").GetString() switch
    {
        "none" => LossReduction.None,
        "sum" => LossReduction.Sum,
        _ => config.GetProperty("avg_factor") is { ValueKind: JsonValueKind.Number } factor ? LossReduction.Over(factor.GetSingle()) : LossReduction.Mean,
    };

    private static float Number(GoldenCase golden, string name) => golden.Config.GetProperty(name).GetSingle();

    private static Tensor Labels(GoldenCase golden) => Tensor.From(golden.Ints("label"));

    /// <summary>1 for the classes that were drawn.</summary>
    private static Tensor Sampled(GoldenCase golden)
    {
        float[] weights = new float[golden.ShapeOf("pred")[^1]];
        Array.ForEach(golden.Ints("sampled_classes"), c => weights[c] = 1);
        return Tensor.From(weights);
    }
}
