using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>The query head's losses and its post-processing.</summary>
internal static class HeadClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("losses/query_head_co_deformable", Losses),
        new("modules/query_postprocess_*", PostProcess),
    ];

    /// <summary>Picture sizes and scale factors of a case's <c>img_metas</c>.</summary>
    internal static (ImageSize[] Sizes, (double X, double Y)[] Scales) Pictures(GoldenCase golden)
    {
        JsonElement[] metas = [.. golden.Config.GetProperty("img_metas").EnumerateArray()];
        return (
            [.. metas.Select(meta => new ImageSize(meta.GetProperty("img_shape")[0].GetInt32(), meta.GetProperty("img_shape")[1].GetInt32()))],
            [.. metas.Select(meta => (meta.GetProperty("scale_factor")[0].GetDouble(), meta.GetProperty("scale_factor")[1].GetDouble()))]);
    }

    /// <summary>The truth of a case: <c>gt_bboxes.i</c> and <c>gt_labels.i</c> for each picture.</summary>
    internal static Truth Objects(GoldenCase golden, int pictures) => Truth.From(
        [.. Enumerable.Range(0, pictures).Select(i => golden.Floats($"gt_bboxes.{i}"))], [.. Enumerable.Range(0, pictures).Select(i => golden.Ints($"gt_labels.{i}"))]);

    private static void Losses(GoldenCase golden)
    {
        (ImageSize[] sizes, _) = Pictures(golden);
        Shape shape = golden.ShapeOf("cls");
        int layers = shape[0];
        Tensor logits = golden.Tensor("cls", true), boxes = golden.Tensor("box", true), encoderLogits = golden.Tensor("enc_cls", true), encoderBoxes = golden.Tensor("enc_box", true);
        Tensor[] Split(Tensor x) => [.. Enumerable.Range(0, layers).Select(i => x.Slice(0, i, 1).Reshape(x.Shape[1], x.Shape[2], x.Shape[3]))];
        MatchTruth objects = SetPredictionLoss.ToMatch(Objects(golden, sizes.Length), ImageBatch.Upload(sizes));
        DetectorConfig config = new() { Classes = shape[3] };
        QueryGroup main = new(default, boxes, null, boxes, null, new QuerySpan(shape[2]));
        LossTable losses = LossTable.Of(
        [
            SetPredictionLoss.Encoder(new EncoderOutput(encoderLogits, encoderLogits, encoderBoxes, encoderBoxes), objects with { Labels = null }, config),
            SetPredictionLoss.Decoder(new QueryPredictions(Split(logits), Split(boxes)), [main], objects, config, classWeights: null),
        ]);
        float[] values = losses.Values.ToArray();
        for (int i = 0; i < values.Length; i++)
        {
            golden.Compare<float>(losses.Names[i], [values[i]]);
        }

        losses.Total.Backward();
        golden.Compare("grad.cls", logits.Grad);
        golden.Compare("grad.box", boxes.Grad);
        golden.Compare("grad.enc_cls", encoderLogits.Grad);
        golden.Compare("grad.enc_box", encoderBoxes.Grad);
    }

    private static void PostProcess(GoldenCase golden)
    {
        (ImageSize[] sizes, (double X, double Y)[] scales) = Pictures(golden);
        Shape shape = golden.ShapeOf("all_cls_scores");
        JsonElement config = golden.Config.GetProperty("test_cfg");
        int last = shape[0] - 1, count = config.GetProperty("max_per_img").GetInt32();
        float threshold = config.TryGetProperty("score_thr", out JsonElement least) ? least.GetSingle() : 0;
        SuppressionSettings? suppression = config.TryGetProperty("nms", out JsonElement nms) ? SuppressionClaims.SettingsOf(nms) : null;
        Tensor logits = golden.Tensor("all_cls_scores").Slice(0, last, 1).Reshape(shape[1], shape[2], shape[3]);
        Tensor boxes = golden.Tensor("all_bbox_preds").Slice(0, last, 1).Reshape(shape[1], shape[2], 4);
        foreach ((string kind, (double X, double Y)[] scale) in new[] { ("net", [.. scales.Select(_ => (1.0, 1.0))]), ("rescaled", scales) })
        {
            DetectedObject[][] found = QueryDecoding.Decode(logits, boxes, sizes, scale, count, threshold, suppression);
            for (int i = 0; i < found.Length; i++)
            {
                golden.Compare<float>($"dets.{kind}.{i}", [.. found[i].SelectMany(d => new[] { d.X1, d.Y1, d.X2, d.Y2, d.Score })]);
                golden.Compare<int>($"labels.{kind}.{i}", [.. found[i].Select(d => d.Label)]);
            }
        }
    }
}
