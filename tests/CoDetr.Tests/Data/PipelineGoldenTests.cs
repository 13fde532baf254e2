using System.Text.Json;
using CoDetr.Data;

namespace CoDetr.Tests.Data;

/// <summary>Images and boxes through the transforms, beside what the reference made of them with the same random draws.</summary>
public sealed class PipelineGoldenTests
{
    public static TheoryData<string> Chains => [.. StoredCase.Names("pipeline").Where(n => n != "rescale_size" && n != "test_pipeline" && !n.StartsWith("imresize", StringComparison.Ordinal))];

    public static TheoryData<string> Resizes => [.. StoredCase.Names("pipeline", "imresize")];

    [Theory, MemberData(nameof(Chains))]
    public void ChainAgrees(string name)
    {
        var stored = new StoredCase("pipeline", name);
        JsonElement config = stored.Description.GetProperty("config");
        Sample sample = ReadSample(stored);
        var draws = new RecordedDraws(config.GetProperty("draws"));
        List<JsonElement> steps = [.. config.GetProperty("pipeline").EnumerateArray()];
        foreach (JsonElement step in steps)
            if (PipelineConfig.Transform(step) is { } transform)
                Assert.True(transform.Apply(sample, draws));
        draws.AssertAllUsed();

        int divisor = steps.Where(s => s.TryGetProperty("size_divisor", out _)).Select(s => s.GetProperty("size_divisor").GetInt32()).FirstOrDefault(1);
        bool normalized = steps.Any(s => s.GetProperty("type").GetString() == "Normalize");
        Compare(stored, "out.img", normalized ? Normalized(sample, divisor) : Floats(ToBgr(sample.Image)));
        Compare(stored, "out.gt_bboxes", [.. sample.Boxes]);
        Assert.Equal(stored.Read<long>("out.gt_labels"), sample.Labels.Select(l => (long)l));
        Assert.Equal(["out.gt_bboxes", "out.gt_labels", "out.img"], stored.Outputs.Order());
        CompareMeta(config.GetProperty("result_meta"), sample);
    }

    [Theory, MemberData(nameof(Resizes))]
    public void ResizeAgrees(string name)
    {
        var stored = new StoredCase("pipeline", name);
        JsonElement size = stored.Description.GetProperty("config").GetProperty("size_wh");
        int width = size[0].GetInt32(), height = size[1].GetInt32();
        int[] shape = stored.Shape("img");
        byte[] source = stored.Read<byte>("img");
        var target = new ImageU8(height, width);
        Interpolation.Bilinear(Image(source, shape), target);
        Assert.Equal(stored.Read<byte>("bilinear"), target.Pixels); // the tolerance is one grey level; nothing less than equality is wanted

        var nearest = new byte[height * width * 3];
        Interpolation.Nearest(source, shape[0], shape[1], nearest, height, width, 3);
        Assert.Equal(stored.Read<byte>("nearest"), nearest);

        var floats = new float[height * width * 3];
        Interpolation.Bilinear(stored.Read<float>("img_float"), shape[0], shape[1], floats, height, width, 3);
        Compare(stored, "bilinear_float", floats);
        Assert.Equal(["bilinear", "bilinear_float", "nearest"], stored.Outputs.Order());
    }

    [Fact]
    public void FittedSizesAgree()
    {
        long[] table = new StoredCase("pipeline", "rescale_size").Read<long>("table");
        for (int i = 0; i < table.Length; i += 6)
        {
            var (height, width) = Resize.FittedSize((int)table[i + 1], (int)table[i], new Scale((int)table[i + 2], (int)table[i + 3]));
            Assert.Equal((table[i + 4], table[i + 5]), (width, height));
        }
    }

    [Fact]
    public void TestPipelineAgrees()
    {
        var stored = new StoredCase("pipeline", "test_pipeline");
        Batch batch = Batch.Of([ToRgb(Image(stored.Read<byte>("img"), stored.Shape("img")))], Pipeline.Test(shortEdge: 80, longEdge: 133));
        int[] shape = stored.Shape("out.img"); // channels first
        Assert.Equal([3, batch.Height, batch.Width], shape);
        var planes = new float[batch.ImageElements];
        for (int i = 0; i < planes.Length; i++)
            planes[i % 3 * shape[1] * shape[2] + i / 3] = batch.Images[i];
        Compare(stored, "out.img", planes);
        JsonElement meta = stored.Description.GetProperty("config").GetProperty("result_meta");
        Assert.Equal(meta.GetProperty("scale_factor")[0].GetSingle(), batch.ScaleX[0]);
        Assert.Equal(meta.GetProperty("scale_factor")[1].GetSingle(), batch.ScaleY[0]);
        Assert.Equal((45, 62), (batch.OriginalHeights[0], batch.OriginalWidths[0]));
    }

    private static Sample ReadSample(StoredCase stored)
    {
        var sample = new Sample();
        sample.Image.CopyFrom(ToRgb(Image(stored.Read<byte>("img"), stored.Shape("img"))));
        sample.Begin();
        float[] boxes = stored.Read<float>("gt_bboxes");
        long[] labels = stored.Read<long>("gt_labels");
        for (int i = 0; i < labels.Length; i++)
            sample.AddObject(boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3], (int)labels[i]);
        return sample;
    }

    private static float[] Normalized(Sample sample, int divisor)
    {
        int height = (sample.Image.Height + divisor - 1) / divisor * divisor, width = (sample.Image.Width + divisor - 1) / divisor * divisor;
        var pixels = new float[height * width * 3];
        Normalization.ImageNet.Apply(sample.Image, pixels, height, width);
        return pixels;
    }

    private static void CompareMeta(JsonElement meta, Sample sample)
    {
        JsonElement shape = meta.GetProperty("img_shape");
        Assert.Equal((shape[0].GetInt32(), shape[1].GetInt32()), (sample.Height, sample.Width));
        if (meta.TryGetProperty("scale_factor", out JsonElement scale))
            Assert.Equal((scale[0].GetSingle(), scale[1].GetSingle()), (sample.ScaleX, sample.ScaleY));
    }

    private static void Compare(StoredCase stored, string tensor, float[] found)
    {
        float[] expected = stored.Description.GetProperty("tensors").GetProperty("outputs").GetProperty(tensor).GetProperty("dtype").GetString() == "U8"
            ? Floats(stored.Read<byte>(tensor)) : stored.Read<float>(tensor);
        var (absolute, relative) = stored.Tolerance(tensor);
        Assert.Equal(expected.Length, found.Length);
        double worst = 0, sum = 0;
        for (int i = 0; i < found.Length; i++)
        {
            double error = Math.Abs(expected[i] - found[i]);
            Assert.True(error <= absolute + relative * Math.Abs(expected[i]), $"{tensor}[{i}]: {found[i]}, expected {expected[i]}");
            worst = Math.Max(worst, error);
            sum += error;
        }
        if (tensor == "out.img") // the case's note
            Assert.True(sum / found.Length < absolute / 10, $"mean difference {sum / found.Length}");
        TestContext.Current.TestOutputHelper?.WriteLine($"{tensor}: worst {worst:G3} of {absolute}");
    }

    private static ImageU8 Image(byte[] pixels, int[] shape)
    {
        var image = new ImageU8(shape[0], shape[1]);
        pixels.CopyTo(image.Pixels);
        return image;
    }

    /// <summary>The stored images are blue green red.</summary>
    private static ImageU8 ToRgb(ImageU8 image)
    {
        for (int i = 0; i < image.Pixels.Length; i += 3)
            (image.Pixels[i], image.Pixels[i + 2]) = (image.Pixels[i + 2], image.Pixels[i]);
        return image;
    }

    private static byte[] ToBgr(ImageU8 image) => ToRgb(image).Pixels.ToArray();

    private static float[] Floats(byte[] bytes) => [.. bytes.Select(b => (float)b)];
}
