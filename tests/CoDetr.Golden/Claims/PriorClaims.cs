using System.Numerics;
using System.Text.Json;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Anchors and points, box coders, overlaps.</summary>
internal static class PriorClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("assign/anchors_*", Anchors),
        new("assign/points*", Points),
        new("assign/delta_coder_*", DeltaCoder),
        new("assign/distance_coder*", DistanceCoder),
        new("assign/bbox_overlaps*", Overlaps),
    ];

    private static void Anchors(GoldenCase golden)
    {
        JsonElement generator = golden.Config.GetProperty("generator");
        FeatureLevels levels = LevelsOf(golden);
        Spatial stride = FirstStride(generator);
        AnchorShape shape = ShapeOf(generator, stride);
        (float height, float width) = Size(golden, "pad_shape");
        float[] anchors = levels.Anchors(shape, stride).ToArray();
        byte[] valid = levels.ValidPriors(Tensor.From([height, width], [1, 2]), stride, shape.PerToken).ToArray<byte>();
        for (int l = 0; l < levels.Count; l++)
        {
            int begin = levels.StartOf(l) * shape.PerToken, count = levels[l].Height * levels[l].Width * shape.PerToken;
            golden.Compare<float>($"base_anchors.{l}", anchors[(begin * 4)..((begin + shape.PerToken) * 4)]); // those of the cell at (0, 0)
            golden.Compare<float>($"anchors.{l}", anchors[(begin * 4)..((begin + count) * 4)]);
            golden.Compare<byte>($"valid_flags.{l}", valid[begin..(begin + count)]);
        }

        foreach (int border in new[] { -1, 0, 16 })
        {
            golden.Compare<bool>($"inside_flags_border{border}", Inside(golden, anchors, valid, border));
        }
    }

    /// <summary>No head tests against a border (all have -1): what the reference adds to the valid flags is computed here.</summary>
    private static bool[] Inside(GoldenCase golden, float[] anchors, byte[] valid, int border)
    {
        (float height, float width) = Size(golden, "img_shape");
        bool Lies(ReadOnlySpan<float> b) => b[0] >= -border && b[1] >= -border && b[2] < width + border && b[3] < height + border;
        return [.. valid.Select((v, i) => v != 0 && (border < 0 || Lies(anchors.AsSpan(4 * i, 4))))];
    }

    private static void Points(GoldenCase golden)
    {
        FeatureLevels levels = LevelsOf(golden);
        Tensor points = levels.CellPoints(FirstStride(golden.Config), golden.Config.GetProperty("offset").GetSingle());
        for (int l = 0; l < levels.Count; l++)
        {
            golden.Compare($"points.{l}", points.Slice(0, levels.StartOf(l), levels[l].Height * levels[l].Width));
        }
    }

    private static void DeltaCoder(GoldenCase golden)
    {
        Vector4 Four(string name) => new([.. golden.Config.GetProperty(name).EnumerateArray().Select(v => v.GetSingle())]);
        bool Says(string name, bool otherwise) => golden.Config.TryGetProperty(name, out JsonElement value) ? value.GetBoolean() : otherwise;
        DeltaCoding coding = new(Four("target_stds"))
        {
            Means = Four("target_means"),
            CenterClamp = Says("add_ctr_clamp", false) ? golden.Config.GetProperty("ctr_clamp").GetSingle() : 0,
        };
        Tensor anchors = golden.Tensor("anchors"), deltas = golden.Tensor("deltas"), ofClasses = golden.Tensor("deltas_multiclass");
        Tensor? clip = Says("clip_border", true) ? ClipOf(golden) : null;
        golden.Compare("encoded", golden.Tensor("gt").EncodeDeltas(anchors, coding));
        golden.Compare("decoded", deltas.DecodeDeltas(anchors, coding, clip));
        golden.Compare("decoded_no_clip", deltas.DecodeDeltas(anchors, coding));
        golden.Compare("decoded_multiclass", ofClasses.Reshape(-1, 4).DecodeDeltas(anchors, coding, clip).Reshape(ofClasses.Shape));
    }

    private static void DistanceCoder(GoldenCase golden)
    {
        Tensor points = golden.Tensor("points"), distances = golden.Tensor("dist"), boxes = golden.Tensor("gt");
        golden.Compare("encoded", boxes.EncodeDistances(points));
        golden.Compare("encoded_max", boxes.EncodeDistances(points, golden.Config.GetProperty("encode_max_dis").GetSingle()));
        golden.Compare("decoded", distances.DecodeDistances(points));
        golden.Compare("decoded_clip", distances.DecodeDistances(points, ClipOf(golden)));
    }

    private static void Overlaps(GoldenCase golden)
    {
        Tensor a = golden.Tensor("a"), b = golden.Tensor("b"), first = a.Slice(0, 0, b.Shape[0]);
        foreach ((string name, Overlap overlap) in new[] { ("iou", Overlap.IoU), ("iof", Overlap.IoF), ("giou", Overlap.GIoU) })
        {
            golden.Compare(name, a.PairwiseOverlap(b, overlap));
            golden.Compare($"{name}_aligned", first.AlignedOverlap(b, overlap));
        }

        golden.Compare("cxcywh", a.ToCenters());
        golden.Compare("xyxy_back", a.ToCenters().ToCorners());
    }

    private static Tensor ClipOf(GoldenCase golden)
    {
        (float height, float width) = Size(golden, "max_shape");
        return Tensor.From([height, width], [1, 2]);
    }

    private static FeatureLevels LevelsOf(GoldenCase golden) =>
        new(golden.Config.GetProperty("featmap_sizes").EnumerateArray().Select(size => (size[0].GetInt32(), size[1].GetInt32())));

    /// <summary>The reference writes pairs as (x, y).</summary>
    private static Spatial FirstStride(JsonElement config) => config.GetProperty("strides")[0] is { ValueKind: JsonValueKind.Array } pair
        ? (pair[1].GetInt32(), pair[0].GetInt32())
        : config.GetProperty("strides")[0].GetInt32();

    private static AnchorShape ShapeOf(JsonElement generator, Spatial stride)
    {
        float[] ratios = [.. generator.GetProperty("ratios").EnumerateArray().Select(r => r.GetSingle())];
        float side = Math.Min(stride.Height, stride.Width);
        float basis = generator.TryGetProperty("base_sizes", out JsonElement sizes) ? sizes[0].GetSingle() / side : 1; // ours are counted in strides
        float offset = generator.TryGetProperty("center_offset", out JsonElement center) ? center.GetSingle() * basis : 0;
        return generator.TryGetProperty("scales", out JsonElement scales)
            ? new AnchorShape(1, 1, ratios, offset) { Scales = [.. scales.EnumerateArray().Select(s => s.GetSingle() * basis)] }
            : new AnchorShape(
                generator.GetProperty("octave_base_scale").GetSingle() * basis, generator.GetProperty("scales_per_octave").GetInt32(), ratios, offset);
    }

    private static (float Height, float Width) Size(GoldenCase golden, string name) =>
        (golden.Config.GetProperty(name)[0].GetSingle(), golden.Config.GetProperty(name)[1].GetSingle());
}
