using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>The auxiliary heads that predict for every cell.</summary>
internal static class DenseHeadClaims
{
    private const int FirstStride = 8;

    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("modules/co_atss_head", Head),
        new("modules/co_atss_postprocess", PostProcess),
        new("assign/co_atss_targets", Targets),
        new("assign/paa_*", Reassignment),
    ];

    private static void Head(GoldenCase golden)
    {
        Tensor[] maps = [.. Numbered(golden, "feat").Select(name => golden.ChannelsLast(name, true))];
        JsonElement head = golden.Config.GetProperty("head");
        float Weight(string loss) => head.GetProperty(loss).GetProperty("loss_weight").GetSingle();
        AtssConfig config = new() { ClassWeight = Weight("loss_cls"), BoxWeight = Weight("loss_bbox"), CenternessWeight = Weight("loss_centerness") };
        HeadFrame frame = new(head.GetProperty("num_classes").GetInt32(), head.GetProperty("in_channels").GetInt32(), maps.Length, FirstStride);
        using AuxiliaryHead atss = config.Build(frame).Filled(golden);
        FeatureMaps pyramid = Pyramid(golden, [.. maps.Select(map => (map.Shape[1], map.Shape[2]))], maps);
        IReadOnlyList<NamedLoss> losses = atss.Train(pyramid, null, HeadClaims.Objects(golden, pyramid.ValidSizes.Shape[0]), Draws.Given(new Dictionary<string, Tensor>())).Losses;
        foreach (NamedLoss loss in losses)
        {
            foreach ((int level, float value) in loss.Values.ToArray().Index())
            {
                golden.Compare<float>($"{loss.Name}.{level}", [value]);
            }
        }

        Tensor.Concat(0, [.. losses.Select(loss => loss.Values)]).SumAll().Backward();
        foreach ((int level, Tensor map) in maps.Index())
        {
            golden.CompareChannelsLast($"grad.feat.{level}", map.Grad);
        }

        atss.CompareGradients(golden);
    }

    private static void PostProcess(GoldenCase golden)
    {
        string[] levels = Numbered(golden, "cls");
        FeatureMaps pyramid = Pyramid(golden, [.. levels.Select(name => golden.ShapeOf(name)).Select(shape => (shape[2], shape[3]))], []);
        JsonElement test = golden.Config.GetProperty("test_cfg");
        DenseDetectionConfig detection = new()
        {
            PerLevel = test.GetProperty("nms_pre").GetInt32(),
            ScoreThreshold = test.GetProperty("score_thr").GetSingle(),
            MaxDetections = test.GetProperty("max_per_img").GetInt32(),
        };
        using AtssHead head = new(new AtssConfig { Detection = detection }, new HeadFrame(golden.ShapeOf(levels[0])[1], 32, levels.Length, FirstStride));
        HeadDetections found = head.Detect(new DensePredictions(Rows(golden, "cls"), Rows(golden, "reg"), Rows(golden, "ctr")), pyramid);
        Tensor detections = Tensor.Concat(2, found.Boxes, found.Scores.Reshape(found.Scores.Shape[0], -1, 1));
        for (int i = 0; i < detections.Shape[0]; i++)
        {
            int count = found.Counts.ToArray<int>()[i], most = detections.Shape[1];
            golden.Compare<float>($"dets.{i}", detections.ToArray().AsSpan(i * most * 5, count * 5));
            golden.Compare<int>($"labels.{i}", found.Labels.ToArray<int>().AsSpan(i * most, count));
        }
    }

    private static void Targets(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        (int, int)[] sizes = [.. config.GetProperty("featmap_sizes").EnumerateArray().Select(size => (size[0].GetInt32(), size[1].GetInt32()))];
        FeatureMaps pyramid = Pyramid(golden, sizes, []);
        (int pictures, int classes) = (pyramid.ValidSizes.Shape[0], config.GetProperty("num_classes").GetInt32());
        AnchorGrid grid = AnchorGrid.Squares(pyramid, FirstStride);
        Truth truth = HeadClaims.Objects(golden, pictures);
        AssignmentTargets targets = AssignmentTargets.Of(AtssAssigner.Assign(grid.Anchors, pyramid.Levels, 1, grid.Valid!, truth), truth, classes);
        int[] labels = targets.Labels.ToArray<int>();
        float[] boxes = targets.Boxes.ToArray(), positive = targets.Positive.ToArray(), central = grid.Anchors.CenternessTargets(targets.Boxes, targets.Positive).ToArray();
        int rows = pyramid.Levels.Tokens;
        for (int level = 0; level < sizes.Length; level++)
        {
            (int start, int count) = (pyramid.Levels.StartOf(level), sizes[level].Item1 * sizes[level].Item2);
            int[] places = [.. Enumerable.Range(0, pictures).SelectMany(i => Enumerable.Range((i * rows) + start, count))];
            golden.Compare<int>($"labels.{level}", [.. places.Select(p => labels[p] < 0 ? classes : labels[p])]);
            golden.Compare<int>($"label_weights.{level}", [.. places.Select(p => labels[p] < 0 ? 0 : 1)]);
            golden.Compare<float>($"bbox_targets.{level}", [.. places.SelectMany(p => boxes[(4 * p)..((4 * p) + 4)])]);
            golden.Compare<float>($"bbox_weights.{level}", [.. places.SelectMany(p => Enumerable.Repeat(positive[p], 4))]);
        }

        for (int i = 0; i < pictures; i++)
        {
            Range own = (i * rows)..((i + 1) * rows);
            golden.Compare<float>($"centerness.{i}", [.. central[own].Where((_, k) => positive[(i * rows) + k] > 0)]);
            golden.Compare<int>($"flat_labels.{i}", labels[own]);
            golden.Compare<float>($"flat_bbox_targets.{i}", boxes[(4 * i * rows)..(4 * (i + 1) * rows)]);
        }

        golden.Compare<int>("num_total_pos", [(int)targets.PositivesAtLeastOne.ToArray()[0]]);
        golden.Compare<int>("num_total_neg", [labels.Count(label => label == classes)]);
    }

    private static void Reassignment(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        FeatureMaps pyramid = Pyramid(golden, [.. config.GetProperty("featmap_sizes").EnumerateArray().Select(size => (size[0].GetInt32(), size[1].GetInt32()))], []);
        (int pictures, int classes, int rows) = (pyramid.ValidSizes.Shape[0], config.GetProperty("num_classes").GetInt32(), pyramid.Levels.Tokens);
        Truth truth = HeadClaims.Objects(golden, pictures);
        DensePredictions found = new(Rows(golden, "cls_scores"), Rows(golden, "bbox_preds"), Rows(golden, "iou_preds"));
        using PaaHead head = new(new PaaConfig(), new HeadFrame(classes, 32, pyramid.Levels.Count, FirstStride));
        (Assignment first, Tensor costs, Assignment second) = head.Assign(found, AnchorGrid.Squares(pyramid, FirstStride), pyramid.Levels, truth);
        AssignmentTargets before = AssignmentTargets.Of(first, truth, classes), after = AssignmentTargets.Of(second, truth, classes);
        for (int i = 0; i < pictures; i++)
        {
            Range own = (i * rows)..((i + 1) * rows);
            int[] index = first.Index.ToArray<int>()[own], labels = after.Labels.ToArray<int>()[own];
            int[] positives = [.. Enumerable.Range(0, rows).Where(row => index[row] >= 0)];
            float[] all = costs.ToArray()[own];
            golden.Compare<int>($"first.labels.{i}", before.Labels.ToArray<int>()[own]);
            golden.Compare<float>($"first.bbox_targets.{i}", before.Boxes.ToArray()[(4 * i * rows)..(4 * (i + 1) * rows)]);
            golden.Compare<int>($"pos_inds.{i}", positives);
            golden.Compare<int>($"pos_gt_index.{i}", [.. positives.Select(row => index[row])]);
            golden.Compare<float>($"pos_losses.{i}", [.. positives.Select(row => all[row])]);
            golden.Compare<int>($"labels.{i}", labels);
            golden.Compare<float>($"label_weights.{i}", [.. labels.Select(label => label < 0 ? 0f : 1)]);
            golden.Compare<float>($"bbox_weights.{i}", [.. after.Positive.ToArray()[own].SelectMany(p => Enumerable.Repeat(p, 4))]);
            golden.Compare<int>($"num_pos.{i}", [labels.Count(label => label >= 0 && label < classes)]);
        }

        foreach (NamedLoss loss in head.Train(found, pyramid, truth).Losses)
        {
            golden.Compare($"loss.{loss.Name}", loss.Values);
        }
    }

    /// <summary>Stored maps of all levels as rows.</summary>
    private static Tensor Rows(GoldenCase golden, string kind) =>
        Tensor.Concat(1, [.. Numbered(golden, kind).Select(name => golden.ChannelsLast(name)).Select(map => map.Reshape(map.Shape[0], -1, map.Shape[3]))]);

    /// <summary>The names <c>kind.0</c>, <c>kind.1</c> … that a case stores.</summary>
    private static string[] Numbered(GoldenCase golden, string kind) => [.. Enumerable.Range(0, 10).Select(i => $"{kind}.{i}").TakeWhile(golden.Has)];

    private static FeatureMaps Pyramid(GoldenCase golden, (int Height, int Width)[] sizes, Tensor[] maps)
    {
        Tensor Sizes(string kind) => ImageBatch.Upload([.. golden.Config.GetProperty("img_metas").EnumerateArray()
            .Select(meta => new ImageSize(meta.GetProperty(kind)[0].GetInt32(), meta.GetProperty(kind)[1].GetInt32()))]);
        return new FeatureMaps(maps, new FeatureLevels(sizes), Sizes("img_shape"), Sizes("pad_shape"));
    }
}
