using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>The region-proposal head and the heads that pool regions.</summary>
internal static class RegionClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("modules/rpn_head", Proposals),
        new("modules/co_roi_head", Training),
        new("modules/co_roi_head_test", Detection),
    ];

    private static void Proposals(GoldenCase golden)
    {
        FeatureMaps maps = MapsOf(golden);
        Truth truth = HeadClaims.Objects(golden, maps.ValidSizes.Shape[0]);
        JsonElement head = golden.Config.GetProperty("head"), sampler = golden.Config.GetProperty("train_cfg").GetProperty("sampler");
        JsonElement offered = golden.Config.GetProperty("proposal_cfg");
        RegionProposalConfig config = new()
        {
            ClassWeight = WeightOf(head, "loss_cls"),
            BoxWeight = WeightOf(head, "loss_bbox"),
            Samples = sampler.GetProperty("num").GetInt32(),
            Training = new ProposalSettings(
                offered.GetProperty("nms_pre").GetInt32(), offered.GetProperty("max_per_img").GetInt32(),
                offered.GetProperty("nms").GetProperty("iou_threshold").GetSingle()),
        };
        int stride = head.GetProperty("anchor_generator").GetProperty("strides")[0].GetInt32();
        RegionProposalHead rpn = new RegionProposalHead(config, new HeadFrame(1, maps.Maps[0].Shape[3], maps.Maps.Count, stride)).Filled(golden);
        Draws draws = DrawsOf(golden, rpn.Assign(maps, truth), config.Samples, sampler.GetProperty("pos_fraction").GetDouble());
        (IReadOnlyList<NamedLoss> losses, Proposals proposals) = rpn.Train(maps, truth, draws);
        foreach (NamedLoss loss in losses)
        {
            float[] values = loss.Values.ToArray();
            for (int level = 0; level < values.Length; level++)
            {
                golden.Compare<float>($"{loss.Name}.{level}", [values[level]]);
            }
        }

        int[] counts = proposals.Counts.ToArray<int>();
        for (int image = 0; image < counts.Length; image++)
        {
            golden.Compare<float>($"proposals.{image}", Rows(proposals.Boxes, proposals.Scores, image * proposals.Boxes.Shape[1], counts[image]));
        }

        Tensor.Concat(0, [.. losses.Select(loss => loss.Values)]).SumAll().Backward();
        CompareGradients(golden, rpn, maps);
    }

    private static void Training(GoldenCase golden)
    {
        FeatureMaps maps = MapsOf(golden);
        Truth truth = HeadClaims.Objects(golden, maps.ValidSizes.Shape[0]);
        (FasterRcnnConfig config, HeadFrame frame) = HeadOf(golden, maps);
        JsonElement sampler = golden.Config.GetProperty("train_cfg").GetProperty("sampler");
        config = config with { Samples = sampler.GetProperty("num").GetInt32(), PositiveShare = sampler.GetProperty("pos_fraction").GetSingle() };
        FasterRcnnHead head = new FasterRcnnHead(config, frame).Filled(golden);
        Proposals proposals = Given(golden);
        Tensor pool = proposals.Boxes.PrependTruth(proposals.Counts, FasterRcnnHead.Assign(proposals, truth).Index, truth.Boxes, truth.Counts).Index;
        HeadOutput output = head.Train(maps, proposals, truth, DrawsOf(golden, new Assignment(pool), config.Samples, config.PositiveShare));
        foreach (NamedLoss loss in output.Losses)
        {
            golden.Compare(loss.Name, loss.Values);
        }

        int alike = golden.ShapeOf("pos_coords.bboxes")[1];
        AssignmentTargets targets = AssignmentTargets.Of(output.Candidates.Assignment, truth, frame.Classes);
        golden.Compare("pos_coords.bboxes", output.Candidates.Boxes.Slice(1, 0, alike));
        golden.Compare("pos_coords.labels", targets.Labels.Slice(1, 0, alike));
        golden.Compare("pos_coords.targets", targets.Boxes.Slice(1, 0, alike));
        golden.Compare("pos_coords.feats", output.Candidates.Features!.Slice(1, 0, alike));
        Tensor.Concat(0, [.. output.Losses.Select(loss => loss.Values.Reshape(1))]).SumAll().Backward();
        CompareGradients(golden, head, maps);
    }

    private static void Detection(GoldenCase golden)
    {
        FeatureMaps maps = MapsOf(golden);
        (FasterRcnnConfig config, HeadFrame frame) = HeadOf(golden, maps);
        JsonElement test = golden.Config.GetProperty("test_cfg");
        config = config with
        {
            ScoreThreshold = test.GetProperty("score_thr").GetSingle(),
            Suppression = SuppressionSettings.Hard(test.GetProperty("nms").GetProperty("iou_threshold").GetSingle()),
            MaxDetections = test.GetProperty("max_per_img").GetInt32(),
        };
        HeadDetections found = new FasterRcnnHead(config, frame).Filled(golden).Detect(maps, Given(golden));
        int[] counts = found.Counts.ToArray<int>(), labels = found.Labels.ToArray<int>();
        for (int image = 0; image < counts.Length; image++)
        {
            int first = image * config.MaxDetections;
            golden.Compare<float>($"dets.{image}", Rows(found.Boxes, found.Scores, first, counts[image]));
            golden.Compare<int>($"labels.{image}", labels[first..(first + counts[image])]);
        }
    }

    private static (FasterRcnnConfig Config, HeadFrame Frame) HeadOf(GoldenCase golden, FeatureMaps maps)
    {
        JsonElement head = golden.Config.GetProperty("head"), box = head.GetProperty("bbox_head");
        JsonElement stds = box.GetProperty("bbox_coder").GetProperty("target_stds");
        FasterRcnnConfig config = new()
        {
            Hidden = box.GetProperty("fc_out_channels").GetInt32(),
            IsClassAgnostic = box.GetProperty("reg_class_agnostic").GetBoolean(),
            Units = (stds[0].GetSingle(), stds[1].GetSingle(), stds[2].GetSingle(), stds[3].GetSingle()),
            ClassWeight = WeightOf(box, "loss_cls"),
            BoxWeight = WeightOf(box, "loss_bbox"),
        };
        int stride = head.GetProperty("bbox_roi_extractor").GetProperty("featmap_strides")[0].GetInt32();
        return (config, new HeadFrame(box.GetProperty("num_classes").GetInt32(), maps.Maps[0].Shape[3], maps.Maps.Count, stride));
    }

    /// <summary>The stored proposals, padded to the picture with most.</summary>
    private static Proposals Given(GoldenCase golden)
    {
        string[] names = [.. golden.Names("inputs").Where(name => name.StartsWith("proposals.", StringComparison.Ordinal))];
        int[] counts = [.. names.Select(name => golden.ShapeOf(name)[0])];
        float[] boxes = new float[names.Length * counts.Max() * 4];
        for (int image = 0; image < names.Length; image++)
        {
            golden.Floats(names[image]).CopyTo(boxes, image * counts.Max() * 4);
        }

        return new Proposals(Tensor.From(boxes, [names.Length, counts.Max(), 4]), Tensor.Zeros([names.Length, counts.Max()]), Tensor.From(counts));
    }

    /// <summary>Some rows of boxes and scores, as the reference stores them.</summary>
    private static float[] Rows(Tensor boxes, Tensor scores, int first, int count)
    {
        (float[] corners, float[] values) = (boxes.ToArray(), scores.ToArray());
        return [.. Enumerable.Range(first, count).SelectMany(i => corners[(4 * i)..((4 * i) + 4)].Append(values[i]))];
    }

    private static FeatureMaps MapsOf(GoldenCase golden)
    {
        JsonElement[] metas = [.. golden.Config.GetProperty("img_metas").EnumerateArray()];
        Tensor Sizes(string name) => ImageBatch.Upload(
            [.. metas.Select(meta => meta.GetProperty(name)).Select(size => new ImageSize(size[0].GetInt32(), size[1].GetInt32()))]);
        IEnumerable<string> names = golden.Names("inputs").Where(name => name.StartsWith("feat.", StringComparison.Ordinal));
        Tensor[] maps = [.. names.Select(name => golden.ChannelsLast(name, requiresGrad: true))];
        return new FeatureMaps(maps, new FeatureLevels(maps.Select(map => (map.Shape[1], map.Shape[2]))), Sizes("img_shape"), Sizes("pad_shape"));
    }

    private static void CompareGradients(GoldenCase golden, Module module, FeatureMaps maps)
    {
        for (int level = 0; level < maps.Maps.Count; level++)
        {
            if (golden.Has($"grad.feat.{level}"))
            {
                golden.CompareChannelsLast($"grad.feat.{level}", maps.Maps[level].Grad);
            }
        }

        module.CompareGradients(golden);
    }

    /// <summary>Picture by picture the reference draws a permutation of the positives where there are more than wanted, then one of the background.</summary>
    private static Draws DrawsOf(GoldenCase golden, Assignment assignment, int count, double share)
    {
        (int batch, int rows) = (assignment.Index.Shape[0], assignment.Index.Shape[1]);
        int[] index = assignment.Index.ToArray<int>();
        Queue<string> recorded = new(golden.Names("inputs").Where(name => name.StartsWith("draw.", StringComparison.Ordinal)));
        float[] positives = new float[batch * rows], negatives = new float[batch * rows];
        void Draw(float[] keys, int image)
        {
            int[] order = golden.Ints(recorded.Dequeue());
            for (int i = 0; i < order.Length; i++)
            {
                keys[(image * rows) + order[i]] = i;
            }
        }

        for (int image = 0; image < batch; image++)
        {
            int most = (int)(count * share);
            ReadOnlySpan<int> own = index.AsSpan(image * rows, rows);
            (int found, int background) = (0, own.Count(Assignment.Negative));
            foreach (int k in own)
            {
                found += k >= 0 ? 1 : 0;
            }

            if (found > most)
            {
                Draw(positives, image);
            }

            if (background > count - Math.Min(found, most))
            {
                Draw(negatives, image);
            }
        }

        return Draws.Given(new Dictionary<string, Tensor>
        {
            ["positives"] = Tensor.From(positives, [batch, rows]),
            ["negatives"] = Tensor.From(negatives, [batch, rows]),
        });
    }

    private static float WeightOf(JsonElement head, string loss) => head.GetProperty(loss).GetProperty("loss_weight").GetSingle();
}
