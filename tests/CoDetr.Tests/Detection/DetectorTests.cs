using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

[Collection(Alone.Name)] // live bytes of the default device are counted
public sealed class DetectorTests
{
    [Fact]
    public void AnImagesResultDoesNotDependOnItsNeighboursOrItsPlace()
    {
        using Detector model = Tiny();
        float[][] images = [Picture(1), Picture(2), Picture(3)];
        ImageSize[] sizes = [new(64, 80), new(50, 80), new(64, 61)];
        (float[] Logits, float[] Boxes)[] alone = [.. images.Select((image, i) => Predict(model, [image], [sizes[i]])[0])];
        foreach (int[] order in new int[][] { [0, 1, 2], [2, 0, 1], [1, 2] })
        {
            (float[] Logits, float[] Boxes)[] together = Predict(model, [.. order.Select(i => images[i])], [.. order.Select(i => sizes[i])]);
            for (int k = 0; k < order.Length; k++)
            {
                Assert.Equal(alone[order[k]].Logits, together[k].Logits);
                Assert.Equal(alone[order[k]].Boxes, together[k].Boxes);
            }
        }
    }

    [Fact]
    public void TheSameSeedGivesTheSameWeights()
    {
        using Detector one = Tiny(), two = Tiny();
        Assert.All(one.NamedParameters().Zip(two.NamedParameters()), pair => Assert.Equal(pair.First.Parameter.Export(), pair.Second.Parameter.Export()));
    }

    [Fact]
    public void BranchesStartEqualAndClassesRare()
    {
        using Detector model = Tiny();
        Dictionary<string, float[]> weights = model.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter.Export());
        Assert.Equal(weights["query_head.cls_branches.0.weight"], weights["query_head.cls_branches.3.weight"]);
        Assert.Equal(weights["query_head.reg_branches.0.2.weight"], weights["query_head.reg_branches.2.2.weight"]);
        Assert.NotEqual(weights["query_head.reg_branches.0.0.weight"], weights["query_head.reg_branches.0.2.weight"]);
        Assert.All(weights["query_head.cls_branches.1.bias"], bias => Assert.Equal(-4.59512f, bias, 1e-5f));
    }

    [Fact]
    public void NamesAndShapesAreThoseOfTheOfficialCheckpoint()
    {
        string path = Path.Combine(Repository.Root, "tests", "data", "param_names", "co_deformable_detr_r50_1x_coco.json");
        using JsonDocument official = JsonDocument.Parse(File.ReadAllText(path));
        List<(string Name, int[] Shape)> expected = [.. Entries(official.RootElement).Where(entry => IsOurs(entry.Name))];
        using Detector model = new(ModelZoo.Config("deformable-detr-r50", 80));
        (string Name, int[] Shape)[] found = [.. model.NamedParameters().Select(p => (p.Name, p.Parameter.CheckpointShape.ToArray()))];
        Assert.Equal(expected.Select(entry => entry.Name), found.Select(entry => entry.Name));
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First.Shape, pair.Second.Shape));
    }

    [Fact]
    public void SuppressionOfTheQueryHeadCanBeAskedFor()
    {
        using Detector model = new(ModelZoo.Config("deformable-detr-tiny", 2));
        model.Initialize(5);
        DetectedObject[] Found()
        {
            using StepScope scope = StepScope.Begin();
            return model.Detect(new ImageBatch(Tensor.From<float>(Picture(3), [1, 64, 80, 3]), [new(64, 80)]), [(1, 1)], 120)[0];
        }

        DetectedObject[] all = Found();
        model.QuerySuppression = SuppressionSettings.Hard(0);
        DetectedObject[] apart = Found();
        Assert.InRange(apart.Length, 1, all.Length - 1);
        Assert.All(apart, one => Assert.Contains(one, all));
        Assert.All(apart.SelectMany(a => apart.Where(b => b != a && b.Label == a.Label), (a, b) => (a, b)), pair => Assert.False(
            pair.a.X1 < pair.b.X2 && pair.b.X1 < pair.a.X2 && pair.a.Y1 < pair.b.Y2 && pair.b.Y1 < pair.a.Y2, $"{pair.a} overlaps {pair.b}"));
    }

    [Fact]
    public void InferenceHoldsOneLayersActivations()
    {
        using Detector model = Tiny();
        Device.Default.ResetPeak();
        long before = Device.Default.LiveBytes;
        using (StepScope.Begin())
        {
            model.Detect(new ImageBatch(Tensor.Zeros([1, 256, 256, 3]), [new ImageSize(256, 256)]), [(1, 1)], 10);
            Assert.True(Device.Default.PeakBytes - before < 24L << 20, $"{(Device.Default.PeakBytes - before) >> 20} MiB");
        }

        Assert.Equal(before, Device.Default.LiveBytes);
    }

    private static bool IsOurs(string name) =>
        !name.EndsWith("num_batches_tracked", StringComparison.Ordinal)
        && (name.StartsWith("backbone.", StringComparison.Ordinal) || name.StartsWith("neck.", StringComparison.Ordinal) || name.StartsWith("query_head.", StringComparison.Ordinal))
        && !name.Contains("aux_pos", StringComparison.Ordinal) && !name.Contains("pos_feats", StringComparison.Ordinal) && !name.Contains("head_pos_embed", StringComparison.Ordinal);

    private static IEnumerable<(string Name, int[] Shape)> Entries(JsonElement root) => root.GetProperty("state_dict").EnumerateArray()
        .Select(entry => (entry[0].GetString()!, entry[2].EnumerateArray().Select(n => n.GetInt32()).ToArray()));

    private static Detector Tiny()
    {
        Detector model = new(ModelZoo.Config("deformable-detr-tiny", 3));
        model.Initialize(7);
        model.IsTraining = false;
        return model;
    }

    private static float[] Picture(int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, 64 * 80 * 3).Select(_ => (random.NextSingle() * 4) - 2)];
    }

    private static (float[] Logits, float[] Boxes)[] Predict(Detector model, float[][] images, ImageSize[] sizes)
    {
        using StepScope scope = StepScope.Begin();
        using NoGrad off = NoGrad.Begin();
        ImageBatch batch = new(Tensor.From<float>([.. images.SelectMany(i => i)], [images.Length, 64, 80, 3]), sizes);
        (EncoderOutput encoded, TokenGrid grid) = model.Encode(batch, null);
        QueryPredictions found = model.Head.Predict(encoded, grid);
        float[] logits = found.Logits[^1].ToArray(), boxes = found.Boxes[^1].ToArray();
        int n = images.Length;
        return [.. Enumerable.Range(0, n).Select(i => (logits.Chunk(logits.Length / n).ElementAt(i), boxes.Chunk(boxes.Length / n).ElementAt(i)))];
    }
}
