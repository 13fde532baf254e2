using System.Text.Json;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Suppression of boxes that overlap better ones.</summary>
internal static class SuppressionClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("ops/nms_*", Hard),
        new("ops/soft_nms_*", Soft),
        new("ops/batched_nms_*", Batched),
    ];

    private static void Hard(GoldenCase golden) => CompareHard(golden, golden.Config, null);

    private static void Soft(GoldenCase golden) => CompareSoft(golden, golden.Config, null);

    private static void Batched(GoldenCase golden)
    {
        JsonElement config = golden.Config.GetProperty("nms_cfg");
        bool isAgnostic = config.TryGetProperty("class_agnostic", out JsonElement agnostic) && agnostic.GetBoolean();
        Tensor? labels = isAgnostic ? null : Tensor.From(golden.Ints("labels"), [1, golden.ShapeOf("labels")[0]]);
        if (config.GetProperty("type").GetString() == "nms")
        {
            CompareHard(golden, config, labels);
        }
        else
        {
            CompareSoft(golden, config, labels);
        }
    }

    private static void CompareHard(GoldenCase golden, JsonElement config, Tensor? groups)
    {
        int boxes = golden.ShapeOf("boxes")[0], most = (int)Number(config, "max_num", boxes);
        float above = Number(config, "score_threshold", 0);
        (Tensor kept, Tensor counts) = Tensor.Nms(
            Boxes(golden), Scores(golden), Number(config, "iou_threshold", 0), most, groups, null, above > 0 ? above : float.NegativeInfinity);
        Compare(golden, kept, counts, null);
    }

    private static void CompareSoft(GoldenCase golden, JsonElement config, Tensor? groups)
    {
        SoftNmsMethod method = config.TryGetProperty("method", out JsonElement name)
            ? Enum.Parse<SoftNmsMethod>(name.GetString()!, ignoreCase: true) : SoftNmsMethod.Linear;
        SoftNmsSettings settings = new(method, Number(config, "iou_threshold", 0.3f), Number(config, "sigma", 0.5f), Number(config, "min_score", 1e-3f));
        (Tensor kept, Tensor scores, Tensor counts) = Tensor.SoftNms(Boxes(golden), Scores(golden), settings, golden.ShapeOf("boxes")[0], groups);
        Compare(golden, kept, counts, scores.ToArray());
    }

    private static void Compare(GoldenCase golden, Tensor kept, Tensor counts, float[]? lowered)
    {
        int[] places = kept.ToArray<int>()[..counts.ToArray<int>()[0]];
        (float[] boxes, float[] scores) = (golden.Floats("boxes"), golden.Floats("scores"));
        golden.Compare<int>("keep", places);
        golden.Compare<float>("dets", [.. places.SelectMany((place, i) => (float[])[.. boxes.AsSpan(place * 4, 4), lowered?[i] ?? scores[place]])]);
    }

    private static Tensor Boxes(GoldenCase golden) => golden.Tensor("boxes", shape: [1, golden.ShapeOf("boxes")[0], 4]);

    private static Tensor Scores(GoldenCase golden) => golden.Tensor("scores", shape: [1, golden.ShapeOf("scores")[0]]);

    private static float Number(JsonElement config, string name, float fallback) =>
        config.TryGetProperty(name, out JsonElement value) ? value.GetSingle() : fallback;
}
