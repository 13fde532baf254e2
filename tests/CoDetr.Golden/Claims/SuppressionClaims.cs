using System.Text.Json;
using CoDetr.Detection;
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
        new("assign/multiclass_nms_*", Classes),
    ];

    /// <summary>Settings of an <c>nms</c> entry of the reference's configuration.</summary>
    internal static SuppressionSettings SettingsOf(JsonElement config)
    {
        float threshold = Number(config, "iou_threshold", 0.3f);
        return config.GetProperty("type").GetString() == "nms" ? SuppressionSettings.Hard(threshold) : SuppressionSettings.Lowering(threshold, SoftOf(config));
    }

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
        (Tensor kept, Tensor scores, Tensor counts) = Tensor.SoftNms(Boxes(golden), Scores(golden), SoftOf(config), golden.ShapeOf("boxes")[0], groups);
        Compare(golden, kept, counts, scores.ToArray());
    }

    private static void Classes(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        (int rows, int classes, int most) = (golden.ShapeOf("scores")[0], golden.ShapeOf("scores")[1] - 1, config.GetProperty("max_num").GetInt32());
        SuppressionSettings settings = SettingsOf(config.GetProperty("nms"));
        Tensor scores = golden.Tensor("scores", shape: [1, rows, classes + 1]).Slice(2, 0, classes);
        foreach ((string suffix, string boxes, int own) in new[] { ("", "boxes", 1), ("_per_class", "boxes_per_class", classes) })
        {
            (HeadDetections found, Tensor pairs) = Suppression.SelectClasses(
                golden.Tensor(boxes, shape: [1, rows, own, 4]), scores, settings, most, config.GetProperty("score_thr").GetSingle());
            DetectedObject[] objects = QueryDecoding.Objects(found)[0];
            golden.Compare<float>("dets" + suffix, [.. objects.SelectMany(d => (float[])[d.X1, d.Y1, d.X2, d.Y2, d.Score])]);
            golden.Compare<int>("labels" + suffix, [.. objects.Select(d => d.Label)]);
            if (own == 1)
            {
                golden.Compare<int>("inds", pairs.ToArray<int>()[..objects.Length]);
            }
        }
    }

    private static SoftNmsSettings SoftOf(JsonElement config)
    {
        SoftNmsMethod method = config.TryGetProperty("method", out JsonElement name)
            ? Enum.Parse<SoftNmsMethod>(name.GetString()!, ignoreCase: true) : SoftNmsMethod.Linear;
        return new(method, Number(config, "iou_threshold", 0.3f), Number(config, "sigma", 0.5f), Number(config, "min_score", 1e-3f));
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
