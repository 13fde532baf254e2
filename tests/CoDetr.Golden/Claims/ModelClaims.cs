using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Whole models with the reference's weights: features, predictions, matching, losses, inference.</summary>
internal static class ModelClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("models/co_deformable_r50", CoDeformable),
    ];

    /// <summary>Built without auxiliary heads: what belongs to them, or depends on their gradients, is out of scope.</summary>
    private static void CoDeformable(GoldenCase golden)
    {
        golden.OutOfScope(
            "mid.rpn*", "mid.rcnn*", "mid.aux*", "loss.loss_rpn*", "loss.loss_cls0", "loss.acc0", "loss.loss_bbox0", "loss.loss_cls1*", "loss.loss_bbox1*", "loss.loss_centerness1*",
            "loss.loss_cls_aux*", "loss.loss_bbox_aux*", "loss.loss_iou_aux*", "loss.d0.loss_cls_aux*", "loss.d0.loss_bbox_aux*", "loss.d0.loss_iou_aux*", "loss_total",
            "grad.*", "grad_norms", "grad_norm_total", "step.*", "infer.atss*", "infer.rpn*", "infer.rcnn*");
        DeformableDetr model = new DeformableDetr(ConfigOf(golden.Config.GetProperty("model"))).Filled(golden, "");
        (ImageSize[] sizes, (double X, double Y)[] scales) = HeadClaims.Pictures(golden);
        ImageBatch batch = new(golden.ChannelsLast("img"), sizes);
        Truth truth = HeadClaims.Objects(golden, sizes.Length);
        model.IsTraining = true;

        Tensor[] levels = model.Features(batch);
        for (int i = 0; i < levels.Length; i++)
        {
            golden.CompareChannelsLast($"mid.neck.{i}", levels[i]);
        }

        TokenGrid grid = DeformableDetr.GridOf(levels, batch);
        QueryPredictions predictions = model.Head.Forward(levels, grid);
        golden.Compare("mid.out.all_cls_scores", Tensor.Stack(0, [.. predictions.Logits]));
        golden.Compare("mid.out.all_bbox_preds", Tensor.Stack(0, [.. predictions.Boxes]));
        golden.Compare("mid.out.enc_cls_scores", predictions.EncoderLogits);
        golden.Compare("mid.out.enc_bbox_preds", predictions.EncoderBoxes);
        Tensor[] pyramid = model.Head.Pyramid(predictions.Memory, grid);
        for (int i = 0; i < pyramid.Length; i++)
        {
            golden.CompareChannelsLast($"mid.out.enc_feats.{i}", pyramid[i]);
        }

        CompareMatching(golden, predictions, SetPredictionLoss.ToMatch(truth, batch.ValidSizes), model.Config);
        LossTable losses = model.Head.Losses(predictions, truth, batch.ValidSizes);
        float[] values = losses.Values.ToArray();
        for (int i = 0; i < values.Length; i++)
        {
            golden.Compare<float>($"loss.{losses.Names[i]}", [values[i]]);
        }

        model.IsTraining = false;
        using NoGrad off = NoGrad.Begin();
        QueryPredictions again = model.Predict(batch);
        golden.Compare("infer.all_cls_scores_last", again.Logits[^1]);
        golden.Compare("infer.all_bbox_preds_last", again.Boxes[^1]);
        CompareDetections(golden, "net", model.Detect(batch, [.. scales.Select(_ => (1.0, 1.0))], model.Config.MaxDetections));
        CompareDetections(golden, "rescaled", model.Detect(batch, scales, model.Config.MaxDetections));
    }

    /// <summary>The reference matches layer by layer, picture by picture, then the encoder's proposals; 0 is background, k + 1 object k.</summary>
    private static void CompareMatching(GoldenCase golden, QueryPredictions predictions, MatchTruth objects, DeformableDetrConfig config)
    {
        int[] decoder = SetPredictionLoss.Layers(Tensor.Concat(0, [.. predictions.Logits]), Tensor.Concat(0, [.. predictions.Boxes]), objects, config).Match.ToArray<int>();
        int[] encoder = SetPredictionLoss.Layers(predictions.EncoderLogits, predictions.EncoderBoxes, objects with { Labels = null }, config).Match.ToArray<int>();
        int queries = predictions.Logits[0].Shape[1], tokens = predictions.EncoderLogits.Shape[1], at = 0;
        foreach (int[] match in decoder.Chunk(queries).Concat(encoder.Chunk(tokens)))
        {
            golden.Compare<int>($"mid.hungarian.{at++:00}.gt_inds", [.. match.Select(k => k + 1)]);
        }
    }

    private static void CompareDetections(GoldenCase golden, string kind, DetectedObject[][] found)
    {
        for (int i = 0; i < found.Length; i++)
        {
            golden.Compare<float>($"infer.{kind}.{i}.bboxes", [.. found[i].SelectMany(d => new[] { d.X1, d.Y1, d.X2, d.Y2 })]);
            golden.Compare<float>($"infer.{kind}.{i}.scores", [.. found[i].Select(d => d.Score)]);
            golden.Compare<int>($"infer.{kind}.{i}.labels", [.. found[i].Select(d => d.Label)]);
        }
    }

    private static DeformableDetrConfig ConfigOf(JsonElement model)
    {
        JsonElement head = model.GetProperty("query_head"), transformer = head.GetProperty("transformer");
        JsonElement encoder = transformer.GetProperty("encoder"), decoder = transformer.GetProperty("decoder");
        return new DeformableDetrConfig
        {
            Classes = head.GetProperty("num_classes").GetInt32(),
            Backbone = BackboneClaims.ConfigOf(model.GetProperty("backbone")),
            Levels = transformer.GetProperty("num_feature_levels").GetInt32(),
            Width = model.GetProperty("neck").GetProperty("out_channels").GetInt32(),
            FeedForward = encoder.GetProperty("transformerlayers").GetProperty("feedforward_channels").GetInt32(),
            EncoderLayers = encoder.GetProperty("num_layers").GetInt32(),
            DecoderLayers = decoder.GetProperty("num_layers").GetInt32(),
            Queries = head.GetProperty("num_query").GetInt32(),
            MaxDetections = model.GetProperty("test_cfg")[0].GetProperty("max_per_img").GetInt32(),
        };
    }
}
