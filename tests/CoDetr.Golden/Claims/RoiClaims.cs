using System.Text.Json;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Pooling of boxes from one map, and from the level that fits each.</summary>
internal static class RoiClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("ops/roi_align_*", OneMap),
        new("modules/roi_extractor_*", Pyramid),
    ];

    private static void OneMap(GoldenCase golden)
    {
        JsonElement config = golden.Config, size = config.GetProperty("output_size");
        RoiBins bins = new(size[0].GetInt32(), size[1].GetInt32(), config.GetProperty("sampling_ratio").GetInt32(), config.GetProperty("aligned").GetBoolean());
        Compare(golden, ["input"], (int)(1 / config.GetProperty("spatial_scale").GetDouble()), 1, bins);
    }

    private static void Pyramid(GoldenCase golden)
    {
        int[] strides = [.. golden.Config.GetProperty("strides").EnumerateArray().Select(stride => stride.GetInt32())];
        Compare(golden, [.. strides.Select((_, level) => $"feat.{level}")], strides[0], golden.Config.GetProperty("finest_scale").GetSingle(), 7);
    }

    /// <summary>A stored box names its picture; ours lie by picture, so rows go there and back.</summary>
    private static void Compare(GoldenCase golden, string[] names, int firstStride, float finest, RoiBins bins)
    {
        Tensor[] maps = [.. names.Select(name => golden.ChannelsLast(name, requiresGrad: true))];
        float[][] rois = [.. golden.Floats("rois").Chunk(5)];
        (int batch, int channels, int cells) = (maps[0].Shape[0], maps[0].Shape[3], bins.Rows * bins.Columns);
        int[][] ofPicture = [.. Enumerable.Range(0, batch).Select(b => Enumerable.Range(0, rois.Length).Where(i => (int)rois[i][0] == b).ToArray())];
        int most = ofPicture.Max(rows => rows.Length);
        float[] boxes = new float[batch * most * 4], upstream = new float[batch * most * cells * channels], stored = golden.Floats("gradout.out");
        float[] pooled = new float[stored.Length];
        void EachNumber(Action<int, int> visit) // number of the stored array, number of ours
        {
            for (int b = 0; b < batch; b++)
            {
                foreach ((int row, int roi) in ofPicture[b].Index())
                {
                    for (int i = 0; i < cells * channels; i++)
                    {
                        visit((((roi * channels) + (i % channels)) * cells) + (i / channels), (((b * most) + row) * cells * channels) + i);
                    }

                    rois[roi].AsSpan(1).CopyTo(boxes.AsSpan(((b * most) + row) * 4));
                }
            }
        }

        EachNumber((theirs, ours) => upstream[ours] = stored[theirs]);
        Tensor counts = Tensor.From<int>([.. ofPicture.Select(rows => rows.Length)], [batch]);
        Tensor y = Tensor.RoiAlign(maps, Tensor.From(boxes, [batch, most, 4]), firstStride, finest, bins, counts);
        float[] found = y.ToArray();
        EachNumber((theirs, ours) => pooled[theirs] = found[ours]);
        golden.Compare("out", pooled);
        y.Backward(Tensor.From(upstream, y.Shape));
        foreach ((int i, string name) in names.Index())
        {
            golden.CompareChannelsLast($"grad.{name}", maps[i].Grad);
        }
    }
}
