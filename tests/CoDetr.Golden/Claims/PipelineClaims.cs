using System.Text.Json;
using CoDetr.Data;

namespace CoDetr.Golden.Claims;

/// <summary>Images and boxes through the transforms, with the random draws that the reference made.</summary>
internal static class PipelineClaims
{
    private const int Channels = ImageU8.Channels;

    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("pipeline/imresize_#", Resample),
        new("pipeline/rescale_size", FittedSizes),
        new("pipeline/test_pipeline", TestPipeline),
        new("pipeline/*", Chain),
    ];

    private static void Chain(GoldenCase golden)
    {
        List<JsonElement> steps = [.. golden.Config.GetProperty("pipeline").EnumerateArray()];
        RecordedDraws draws = new(golden.Config.GetProperty("draws"));
        Sample sample = ReadSample(golden);
        foreach (JsonElement step in steps)
        {
            golden.Require(PipelineConfig.Read(step)?.Apply(sample, draws) ?? true, "something is left of the image");
        }

        golden.Require(draws.AllUsed, "every draw of the reference is made");
        if (steps.Any(s => s.GetProperty("type").GetString() == "Normalize"))
        {
            int divisor = steps.Where(s => s.TryGetProperty("size_divisor", out _)).Select(s => s.GetProperty("size_divisor").GetInt32()).FirstOrDefault(1);
            int height = (sample.Image.Height + divisor - 1) / divisor * divisor, width = (sample.Image.Width + divisor - 1) / divisor * divisor;
            float[] pixels = new float[height * width * Channels];
            Normalization.ImageNet.Apply(sample.Image, pixels, height, width);
            golden.Compare<float>("out.img", pixels);
        }
        else
        {
            golden.Compare<byte>("out.img", SwapRedAndBlue(sample.Image).Pixels);
        }

        golden.Compare<float>("out.gt_bboxes", [.. sample.Boxes]);
        golden.Compare<int>("out.gt_labels", [.. sample.Labels]);
        CompareMeta(golden, sample.Height, sample.Width, sample.ScaleX, sample.ScaleY);
    }

    /// <summary>Bytes must be equal, although a grey level would be allowed.</summary>
    private static void Resample(GoldenCase golden)
    {
        JsonElement size = golden.Config.GetProperty("size_wh");
        int width = size[0].GetInt32(), height = size[1].GetInt32();
        ImageU8 source = ReadImage(golden), target = new(height, width);
        Interpolation.Bilinear(source, target);
        golden.Compare<byte>("bilinear", target.Pixels);
        golden.Require(target.Pixels.SequenceEqual(golden.Stored("bilinear").ToArray<byte>()), "equality of bilinear");

        byte[] nearest = new byte[height * width * Channels];
        Interpolation.Nearest(source.Pixels, source.Height, source.Width, nearest, height, width, Channels);
        golden.Compare<byte>("nearest", nearest);

        float[] floats = new float[height * width * Channels];
        Interpolation.Bilinear(golden.Floats("img_float"), source.Height, source.Width, floats, height, width, Channels);
        golden.Compare<float>("bilinear_float", floats);
    }

    /// <summary>Rows of old width and height, scale, new width and height.</summary>
    private static void FittedSizes(GoldenCase golden)
    {
        int[] table = golden.Ints("table");
        for (int i = 0; i < table.Length; i += 6)
        {
            (table[i + 5], table[i + 4]) = Resize.FittedSize(table[i + 1], table[i], new Scale(table[i + 2], table[i + 3]));
        }

        golden.Compare<int>("table", table);
    }

    /// <summary>As <c>codetr detect</c> prepares an image; stored with channels first.</summary>
    private static void TestPipeline(GoldenCase golden)
    {
        JsonElement scale = golden.Config.GetProperty("img_scale");
        using Batch batch = Batch.Of([SwapRedAndBlue(ReadImage(golden))], Pipeline.Test(shortEdge: scale[1].GetInt32(), longEdge: scale[0].GetInt32()));
        float[] planes = GoldenArrays.Permute(batch.Images[..batch.ImageElements], [batch.Height, batch.Width, Channels], 2, 0, 1);
        golden.Compare<float>("out.img", planes);
        CompareMeta(golden, batch.Heights[0], batch.Widths[0], batch.ScaleX[0], batch.ScaleY[0]);
    }

    private static void CompareMeta(GoldenCase golden, int height, int width, float scaleX, float scaleY)
    {
        JsonElement meta = golden.Config.GetProperty("result_meta"), shape = meta.GetProperty("img_shape");
        golden.CompareNumber("img_shape[0]", shape[0].GetInt32(), height, 0);
        golden.CompareNumber("img_shape[1]", shape[1].GetInt32(), width, 0);
        if (meta.TryGetProperty("scale_factor", out JsonElement scale))
        {
            golden.CompareNumber("scale_factor[0]", scale[0].GetSingle(), scaleX, 0);
            golden.CompareNumber("scale_factor[1]", scale[1].GetSingle(), scaleY, 0);
        }
    }

    private static Sample ReadSample(GoldenCase golden)
    {
        Sample sample = new();
        sample.Image.CopyFrom(SwapRedAndBlue(ReadImage(golden)));
        sample.Begin();
        float[] boxes = golden.Floats("gt_bboxes");
        int[] labels = golden.Ints("gt_labels");
        for (int i = 0; i < labels.Length; i++)
        {
            sample.AddObject(boxes[4 * i], boxes[(4 * i) + 1], boxes[(4 * i) + 2], boxes[(4 * i) + 3], labels[i]);
        }

        return sample;
    }

    private static ImageU8 ReadImage(GoldenCase golden)
    {
        ImageU8 image = new(golden.ShapeOf("img")[0], golden.ShapeOf("img")[1]);
        golden.Stored("img").ToArray<byte>().CopyTo(image.Pixels);
        return image;
    }

    /// <summary>Stored images are blue green red, ours red green blue.</summary>
    private static ImageU8 SwapRedAndBlue(ImageU8 image)
    {
        Span<byte> pixels = image.Pixels;
        for (int i = 0; i < pixels.Length; i += Channels)
        {
            (pixels[i], pixels[i + 2]) = (pixels[i + 2], pixels[i]);
        }

        return image;
    }
}
