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
                offered.GetProperty("nms_pre").GetInt32(), offered.GetProperty("max_per_img").GetInt32(), offered.GetProperty("nms").GetProperty("iou_threshold").GetSingle()),
        };
        RegionProposalHead rpn = new RegionProposalHead(config, new HeadFrame(1, maps.Maps[0].Shape[3], maps.Maps.Count, FirstStride(head.GetProperty("anchor_generator")))).Filled(golden);
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

        float[] boxes = proposals.Boxes.ToArray(), scores = proposals.Scores.ToArray();
        int[] counts = proposals.Counts.ToArray<int>();
        for (int image = 0; image < counts.Length; image++)
        {
            int first = image * proposals.Boxes.Shape[1];
            golden.Compare<float>($"proposals.{image}", [.. Enumerable.Range(first, counts[image]).SelectMany(i => boxes[(4 * i)..((4 * i) + 4)].Append(scores[i]))]);
        }

        Tensor.Concat(0, [.. losses.Select(loss => loss.Values)]).SumAll().Backward();
        CompareGradients(golden, rpn, maps);
    }

    private static FeatureMaps MapsOf(GoldenCase golden)
    {
        JsonElement[] metas = [.. golden.Config.GetProperty("img_metas").EnumerateArray()];
        Tensor Sizes(string name) => ImageBatch.Upload([.. metas.Select(meta => new ImageSize(meta.GetProperty(name)[0].GetInt32(), meta.GetProperty(name)[1].GetInt32()))]);
        Tensor[] maps = [.. golden.Names("inputs").Where(name => name.StartsWith("feat.", StringComparison.Ordinal)).Select(name => golden.ChannelsLast(name, requiresGrad: true))];
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

        return Draws.Given(new Dictionary<string, Tensor> { ["positives"] = Tensor.From(positives, [batch, rows]), ["negatives"] = Tensor.From(negatives, [batch, rows]) });
    }

    private static int FirstStride(JsonElement anchors) => anchors.GetProperty("strides")[0].GetInt32();

    private static float WeightOf(JsonElement head, string loss) => head.GetProperty(loss).GetProperty("loss_weight").GetSingle();
}
