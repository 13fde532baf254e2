using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Tests.Data;
using CoDetr.Tests.Files;
using CoDetr.Training;

namespace CoDetr.Tests.Training;

public sealed class WeightImportTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly Random random = new(3);

    /// <summary>The official Swin: no prefix, key <c>model</c>, a classifier, tables of window 2 for our window 3, norms that only detectors have.</summary>
    [Fact]
    public void SwinOfAnotherWindowIsResized()
    {
        using Named model = new(
            ("backbone.patch_embed.proj.weight", [4, 3, 2, 2]), ("backbone.layers.0.blocks.1.attn.relative_position_bias_table", [25, 3]),
            ("backbone.layers.0.blocks.1.attn.relative_position_index", [9, 9]), ("backbone.norm0.weight", [4]), ("neck.weight", [2]));
        StoredTensor table = Random("", [9, 3]), patch = Random("", [4, 3, 2, 2]);
        ImportReport report = WeightImport.LoadBackbone(model, Saved("model", new()
        {
            ["patch_embed.proj.weight"] = patch,
            ["layers.0.blocks.1.attn.relative_position_bias_table"] = table,
            ["layers.0.blocks.1.attn.relative_position_index"] = Random("", [4, 4]),
            ["layers.0.blocks.1.attn_mask"] = Random("", [4, 4, 4]),
            ["norm.weight"] = Random("", [4]),
            ["head.weight"] = Random("", [10, 4]),
        }));
        Assert.Equal(["backbone.patch_embed.proj.weight", "backbone.layers.0.blocks.1.attn.relative_position_bias_table"], report.Loaded);
        Assert.Equal(["backbone.norm0.weight"], report.Fresh);
        Assert.Equal(4, report.Ignored.Count);
        Assert.Empty(report.Unexpected);
        Assert.Equal("resized from [9, 3] to [25, 3]", Assert.Single(report.Converted).How);
        Assert.Equal(patch.ToFloats(), model["backbone.patch_embed.proj.weight"]);
        Equal(Bicubic(table.ToFloats(), 3, 3, 5), model["backbone.layers.0.blocks.1.attn.relative_position_bias_table"]);
        Assert.Equal([0, 0], model["neck.weight"]);
    }

    /// <summary>EVA-02: the averages come first, positions and patches are resized, the class token's place stays, rotations are ours.</summary>
    [Fact]
    public void EvaIsResizedToOurPatchesAndPositions()
    {
        using Named model = new(
            ("backbone.pos_embed", [1, 17, 2]), ("backbone.patch_embed.proj.weight", [2, 3, 16, 16]), ("backbone.blocks.0.attn.q_bias", [2]),
            ("backbone.rope_win.freqs_cos", [4, 2]), ("backbone.out_norm.weight", [2]));
        StoredTensor positions = Random("", [1, 10, 2]), patches = Random("", [2, 3, 14, 14]);
        string path = folder["eva.pt"];
        TorchWriter.WriteZip(path, new Dictionary<string, object?>
        {
            ["module"] = new Dictionary<string, object?> { ["wrong"] = positions },
            ["model_ema"] = new Dictionary<string, object?>
            {
                ["backbone.pos_embed"] = positions,
                ["backbone.patch_embed.proj.weight"] = patches,
                ["backbone.blocks.0.attn.q_bias"] = Random("", [2]),
                ["backbone.blocks.0.attn.rope.freqs_cos"] = Random("", [9, 2]),
                ["backbone.cls_token"] = Random("", [1, 1, 2]),
                ["backbone.fc_norm.weight"] = Random("", [2]),
                ["backbone.lm_head.weight"] = Random("", [2, 2]),
                ["backbone.mask_token"] = Random("", [1, 1, 2]),
            },
        });
        ImportReport report = WeightImport.LoadBackbone(model, path);
        Assert.Equal((3, 2, 5, 0), (report.Loaded.Count, report.Converted.Count, report.Ignored.Count, report.Unexpected.Count));
        Assert.Equal(["backbone.out_norm.weight"], report.Fresh);
        float[] stored = positions.ToFloats(), found = model["backbone.pos_embed"];
        Assert.Equal(stored[..2], found[..2]);
        Equal(Bicubic(stored[2..], 3, 2, 4), found[2..]);
        float[] filters = patches.ToFloats(), wanted = model["backbone.patch_embed.proj.weight"];
        for (int i = 0; i < 6; i++)
        {
            Equal(Bicubic(filters[(i * 196)..((i + 1) * 196)], 14, 1, 16), wanted[(i * 256)..((i + 1) * 256)]);
        }
    }

    [Fact]
    public void OfContrastiveFilesTheEncoderIsTakenAndAbsolutePositionsAreTurned()
    {
        using Named model = new(("backbone.patch_embed.proj.bias", [4]), ("backbone.absolute_pos_embed", [1, 2, 2, 3]));
        StoredTensor positions = Random("", [1, 6, 2]);
        ImportReport report = WeightImport.LoadBackbone(model, Saved("model", new()
        {
            ["encoder.patch_embed.proj.bias"] = Random("", [4]),
            ["encoder.absolute_pos_embed"] = positions,
            ["encoder_k.patch_embed.proj.bias"] = Random("", [4]),
            ["queue"] = Random("", [4]),
        }));
        Assert.Equal((2, 2), (report.Loaded.Count, report.Ignored.Count));
        float[] p = positions.ToFloats();
        Assert.Equal([p[0], p[2], p[4], p[6], p[8], p[10], p[1], p[3], p[5], p[7], p[9], p[11]], model["backbone.absolute_pos_embed"]);
    }

    [Theory]
    [InlineData(27, 3, "1 arrays fit, 0 are missing (none), 1 have another shape")] // 27 is no square
    [InlineData(9, 2, null)] // another number of attention heads: the table starts afresh
    public void ATableThatCannotBeResizedIsSaid(int rows, int heads, string? refusal)
    {
        using Named model = new(("backbone.a.weight", [1]), ("backbone.a.relative_position_bias_table", [25, 3]), ("backbone.b.weight", [2, 2]));
        Dictionary<string, object?> arrays = new()
        {
            ["a.weight"] = Random("", [1]),
            ["a.relative_position_bias_table"] = Random("", [rows, heads]),
            ["b.weight"] = Random("", refusal is null ? [2, 2] : [2, 3]),
        };
        if (refusal is null)
        {
            ImportReport report = WeightImport.LoadBackbone(model, Saved("state_dict", arrays));
            Assert.Equal(["backbone.a.relative_position_bias_table"], report.Fresh);
            return;
        }

        string message = Assert.Throws<CheckpointException>(() => WeightImport.LoadBackbone(model, Saved("state_dict", arrays))).Message;
        Assert.Contains(refusal, message, StringComparison.Ordinal);
        Assert.Contains("backbone.b.weight is [2, 3] instead of [2, 2]", message, StringComparison.Ordinal);
        Assert.Equal([0], model["backbone.a.weight"]); // nothing was changed
    }

    [Fact]
    public void ClassHeadsAreToldFromOtherShapes()
    {
        using Named model = new(
            ("query_head.cls_branches.0.weight", [3, 4]), ("roi_head.0.bbox_head.fc_cls.bias", [4]), ("roi_head.0.bbox_head.fc_reg.bias", [12]),
            ("roi_head.1.bbox_head.fc_reg.bias", [4]), ("neck.bias", [4]), ("x", [1])); // the second box head does not tell classes apart
        using StateDict file = StateDict.Open(Saved("state_dict", new()
        {
            ["query_head.cls_branches.0.weight"] = Random("", [80, 4]),
            ["roi_head.0.bbox_head.fc_cls.bias"] = Random("", [81]),
            ["roi_head.0.bbox_head.fc_reg.bias"] = Random("", [320]),
            ["roi_head.1.bbox_head.fc_reg.bias"] = Random("", [320]),
            ["neck.bias"] = Random("", [8]),
            ["x"] = Random("", [1]),
            ["y"] = Random("", [1]),
        }));
        ImportReport report = WeightImport.Load(model, file);
        Assert.Equal((1, 3, 2, false), (report.Loaded.Count, report.ClassHeads.Count, report.Reshaped.Count, report.IsComplete));
        Assert.Equal(["y"], report.Unexpected);
        Assert.Equal([0], model["x"]); // refused: nothing was changed
        Assert.Single(WeightImport.Load(model, file, mayBePartial: true).Loaded);
        Assert.NotEqual([0], model["x"]);
        Assert.Contains("  query_head.cls_branches.0.weight: [80, 4] in the file, [3, 4] in the model", report.Lines());
    }

    [Fact]
    public void NamesThatDifferInANumberBecomeOne() => Assert.Equal(
        ["a.{0..1}.b.{0..2}.w", "a.{0,2}.c", "d.1", "e"],
        NameRanges.Of(["a.0.b.0.w", "a.0.b.1.w", "a.0.b.2.w", "a.1.b.0.w", "a.1.b.1.w", "a.1.b.2.w", "a.0.c", "a.2.c", "d.1", "e"]));

    public void Dispose() => folder.Dispose();

    private string Saved(string key, Dictionary<string, object?> arrays)
    {
        string path = folder["weights.pth"];
        TorchWriter.WriteZip(path, new Dictionary<string, object?> { [key] = arrays });
        return path;
    }

    private StoredTensor Random(string name, Shape shape) =>
        StoredTensor.From<float>(name, shape, [.. Enumerable.Range(0, (int)shape.Count).Select(_ => random.NextSingle() + 0.5f)]);

    private static void Equal(double[] expected, float[] found)
    {
        Assert.Equal(expected.Length, found.Length);
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    /// <summary>PyTorch's <c>interpolate(mode="bicubic", align_corners=False)</c> of a square of <c>[side, side, channels]</c>, in double precision.</summary>
    private static double[] Bicubic(float[] values, int side, int channels, int wanted)
    {
        double[] result = new double[wanted * wanted * channels];
        double[] Weights(int at, out int first)
        {
            double place = ((at + 0.5) * side / wanted) - 0.5;
            first = (int)Math.Floor(place) - 1;
            double t = place - Math.Floor(place);
            static double Near(double x) => (((-0.75 + 2) * x) - (-0.75 + 3)) * x * x + 1;
            static double Far(double x) => ((((-0.75 * x) - (5 * -0.75)) * x) + (8 * -0.75)) * x - (4 * -0.75);
            return [Far(t + 1), Near(t), Near(1 - t), Far(2 - t)];
        }

        for (int y = 0; y < wanted; y++)
        {
            for (int x = 0; x < wanted; x++)
            {
                double[] down = Weights(y, out int top), across = Weights(x, out int left);
                for (int k = 0; k < 16 * channels; k++)
                {
                    (int row, int column, int channel) = (k / 4 / channels, k / channels % 4, k % channels);
                    int from = ((Math.Clamp(top + row, 0, side - 1) * side) + Math.Clamp(left + column, 0, side - 1)) * channels;
                    result[(((y * wanted) + x) * channels) + channel] += down[row] * across[column] * values[from + channel];
                }
            }
        }

        return result;
    }

    /// <summary>A model of nothing but names and shapes; everything starts at zero.</summary>
    private sealed class Named : Module
    {
        internal Named(params (string Name, Shape Shape)[] parameters)
        {
            foreach ((string name, Shape shape) in parameters)
            {
                Add(name, shape, Initializer.Zero);
            }
        }

        internal float[] this[string name] => NamedParameters().First(pair => pair.Name == name).Parameter.Export();
    }
}
