using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>One-to-many assignment.</summary>
internal static class AssignmentClaims
{
    internal static IReadOnlyList<Claim> List { get; } = [new("assign/atss_*", Atss), new("assign/fcos_*", Points), new("assign/gmm_*", Mixture)];

    /// <summary>A size of each picture of a case: <c>img_shape</c> or <c>pad_shape</c>.</summary>
    internal static ImageSize[] Sizes(GoldenCase golden, string which) =>
        [.. golden.Config.GetProperty("img_metas").EnumerateArray().Select(meta => meta.GetProperty(which)).Select(s => new ImageSize(s[0].GetInt32(), s[1].GetInt32()))];

    private static void Atss(GoldenCase golden)
    {
        int[] counts = [.. golden.Config.GetProperty("num_level_anchors").EnumerateArray().Select(n => n.GetInt32())], labels = golden.Ints("gt_labels");
        FeatureLevels levels = new(counts.Select(n => (1, n)));
        Tensor anchors = golden.Tensor("anchors"), boxes = golden.Tensor("gt_bboxes");
        int[] index = AtssAssigner.Assign(
            anchors, levels, 1, Tensor.From(Use(golden, anchors), [1, anchors.Shape[0]]), Truth.From([boxes.ToArray()], [labels]),
            golden.Config.GetProperty("topk").GetInt32()).Index.ToArray<int>();
        golden.Compare<int>("gt_inds", [.. index.Select(k => k == -2 ? -1 : k + 1)]);
        golden.Compare<int>("labels", [.. index.Select(k => k < 0 ? -1 : labels[k])]);
        float[] overlaps = boxes.Shape[0] == 0 ? [] : anchors.PairwiseOverlap(boxes).ToArray();
        golden.Compare<float>("max_overlaps", [.. index.Select((k, row) => k >= 0 ? overlaps[(row * labels.Length) + k] : labels.Length == 0 ? 0 : -1e8f)]);
    }

    /// <summary>1, and 2 where the reference takes an anchor to lie in an ignored region.</summary>
    private static byte[] Use(GoldenCase golden, Tensor anchors)
    {
        byte[] use = [.. Enumerable.Repeat((byte)1, anchors.Shape[0])];
        float least = golden.Config.GetProperty("ignore_iof_thr").GetSingle();
        int ignored = golden.ShapeOf("gt_bboxes_ignore")[0];
        if (least > 0 && ignored > 0 && golden.ShapeOf("gt_bboxes")[0] > 0)
        {
            float[] overlaps = anchors.PairwiseOverlap(golden.Tensor("gt_bboxes_ignore"), Overlap.IoF).ToArray();
            for (int row = 0; row < use.Length; row++)
            {
                use[row] = overlaps.AsSpan(row * ignored, ignored).ContainsAnyExceptInRange(float.NegativeInfinity, least) ? (byte)2 : (byte)1;
            }
        }

        return use;
    }

    /// <summary>The stored arrays hold one level each, picture after picture. A negative's target is the distances to the first object.</summary>
    private static void Points(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        float[] strides = [.. config.GetProperty("strides").EnumerateArray().Select(s => s.GetSingle())];
        (int Height, int Width)[] maps = [.. config.GetProperty("featmap_sizes").EnumerateArray().Select(m => (m[0].GetInt32(), m[1].GetInt32()))];
        float radius = config.GetProperty("center_sampling").GetBoolean() ? config.GetProperty("center_sample_radius").GetSingle() : 0;
        PointRange[] ranges = [.. config.GetProperty("regress_ranges").EnumerateArray()
            .Select((r, l) => new PointRange(strides[l], r[0].GetSingle(), r[1].GetSingle(), radius * strides[l]))];
        int batch = golden.Names("inputs").Count(name => name.StartsWith("gt_labels.", StringComparison.Ordinal));
        int classes = config.GetProperty("num_classes").GetInt32();
        FeatureLevels levels = new(maps);
        int[] index = PointAssigner.Assign(levels, ranges, HeadClaims.Objects(golden, batch)).Index.ToArray<int>();
        int[][] labels = [.. Enumerable.Range(0, batch).Select(b => golden.Ints($"gt_labels.{b}"))];
        float[][] boxes = [.. Enumerable.Range(0, batch).Select(b => golden.Floats($"gt_bboxes.{b}"))];
        for (int l = 0; l < maps.Length; l++)
        {
            (int width, int points) = (maps[l].Width, maps[l].Height * maps[l].Width);
            float unit = config.GetProperty("norm_on_bbox").GetBoolean() ? strides[l] : 1;
            List<int> classesOf = [];
            List<float> targets = [], centerness = [];
            for (int i = 0; i < batch * points; i++)
            {
                (int b, int cell) = (i / points, i % points);
                int k = index[(b * levels.Tokens) + levels.StartOf(l) + cell];
                (float x, float y) = (((cell % width) + 0.5f) * strides[l], ((cell / width) + 0.5f) * strides[l]);
                float[] t = labels[b].Length == 0 ? new float[4] : Distances(x, y, boxes[b].AsSpan(4 * Math.Max(k, 0), 4), unit);
                classesOf.Add(k < 0 ? classes : labels[b][k]);
                targets.AddRange(t);
                if (k >= 0)
                {
                    centerness.Add(MathF.Sqrt(Math.Min(t[0], t[2]) / Math.Max(t[0], t[2]) * (Math.Min(t[1], t[3]) / Math.Max(t[1], t[3]))));
                }
            }

            golden.Compare<int>($"labels.{l}", [.. classesOf]);
            golden.Compare<float>($"bbox_targets.{l}", [.. targets]);
            golden.Compare<float>($"centerness.{l}", [.. centerness]);
        }
    }

    private static float[] Distances(float x, float y, ReadOnlySpan<float> box, float unit) =>
        [(x - box[0]) / unit, (y - box[1]) / unit, (box[2] - x) / unit, (box[3] - y) / unit];

    /// <summary>The mixture alone; and what the assigner keeps where all values are candidates of one object.</summary>
    private static void Mixture(GoldenCase golden)
    {
        int n = golden.ShapeOf("x")[0];
        Tensor values = golden.Tensor("x", shape: [1, n]);
        (Tensor component, Tensor density, Tensor mixture) = values.FitMixture(Tensor.From(n));
        golden.Compare("assignment", component, isFlat: true);
        golden.Compare("log_prob", density, isFlat: true);
        double[] numbers = mixture.ToArray<double>();
        golden.Compare<double>("means", numbers[0..2]);
        golden.Compare<double>("variances", numbers[2..4]);
        golden.Compare<double>("weights", numbers[4..6]);
        Assignment kept = PaaAssigner.Assign(
            new Assignment(Tensor.Zeros([1, n], DType.I32)), values, new FeatureLevels([(1, n)]), 1, Truth.From([[0f, 0, 1, 1]], [[0]]), n);
        golden.Compare<int>("pos_inds", [.. kept.Index.ToArray<int>().Index().Where(i => i.Item == 0).Select(i => i.Index)]);
    }
}
