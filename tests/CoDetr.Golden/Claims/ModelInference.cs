using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Inference of a whole model: through the query head, through each auxiliary head, and the proposals.</summary>
internal static class ModelInference
{
    private static readonly Dictionary<string, string> Kinds = new() { ["atss"] = "atss", ["rcnn"] = "faster-rcnn" };

    internal static void Compare(GoldenCase golden, Scene scene)
    {
        Detector model = scene.Model;
        using NoGrad off = NoGrad.Begin();
        ImageBatch seen = model.Seen(scene.Pictures);
        (EncoderOutput encoded, TokenGrid grid) = model.Encode(seen, null);
        QueryPredictions predictions = model.Head.Predict(encoded, grid);
        golden.Compare("infer.all_cls_scores_last", predictions.Logits[^1]);
        golden.Compare("infer.all_bbox_preds_last", predictions.Boxes[^1]);
        (double, double)[] ones = [.. scene.Scales.Select(_ => (1.0, 1.0))];
        Compare(golden, "net", model.Detect(scene.Pictures, ones, model.Config.MaxDetections));
        Compare(golden, "rescaled", model.Detect(scene.Pictures, scene.Scales, model.Config.MaxDetections));
        foreach ((string name, string kind) in Kinds.Where(pair => golden.Has($"infer.{pair.Key}.0.bboxes") || golden.Has($"infer.{pair.Key}.1.bboxes")))
        {
            Compare(golden, name, model.Detect(scene.Pictures, scene.Scales, int.MaxValue, auxiliaryHead: model.Config.AuxiliaryIndex(kind)));
        }

        if (model.Auxiliary.ProposalHead is { } head)
        {
            CompareProposals(golden, head.Propose(model.Maps(encoded, grid, seen, scene.Pictures)), "infer.rpn.{0}.proposals");
        }
    }

    /// <summary>Boxes and scores of each picture, five numbers a row.</summary>
    internal static void CompareProposals(GoldenCase golden, Proposals proposals, string name)
    {
        float[] boxes = proposals.Boxes.ToArray(), scores = proposals.Scores.ToArray();
        int[] counts = proposals.Counts.ToArray<int>();
        int most = proposals.Scores.Shape[1];
        for (int image = 0; image < counts.Length; image++)
        {
            string stored = string.Format(System.Globalization.CultureInfo.InvariantCulture, name, image);
            if (golden.Has(stored))
            {
                golden.Compare<float>(stored, [.. Enumerable.Range(image * most, counts[image]).SelectMany(i => boxes[(4 * i)..((4 * i) + 4)].Append(scores[i]))]);
            }
        }
    }

    private static void Compare(GoldenCase golden, string kind, DetectedObject[][] found)
    {
        for (int i = 0; i < found.Length; i++)
        {
            if (golden.Has($"infer.{kind}.{i}.bboxes"))
            {
                golden.Compare<float>($"infer.{kind}.{i}.bboxes", [.. found[i].SelectMany(d => new[] { d.X1, d.Y1, d.X2, d.Y2 })]);
                golden.Compare<float>($"infer.{kind}.{i}.scores", [.. found[i].Select(d => d.Score)]);
                golden.Compare<int>($"infer.{kind}.{i}.labels", [.. found[i].Select(d => d.Label)]);
            }
        }
    }
}
