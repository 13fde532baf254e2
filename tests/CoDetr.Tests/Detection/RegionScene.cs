using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

/// <summary>Maps of random numbers under pictures with some objects: what a head is tried on.</summary>
internal sealed record RegionScene
{
    /// <summary>Of the pictures, padding not included.</summary>
    public ImageSize[] Sizes { get; init; } = [new(96, 128), new(128, 96)];

    /// <summary>Of each picture, four numbers an object.</summary>
    public float[][] Boxes { get; init; } = [[12, 10, 70, 60, 40, 30, 120, 90, 60, 5, 90, 40], [20, 30, 60, 110]];

    /// <summary>Foreground classes.</summary>
    public int Classes { get; init; } = 3;

    /// <summary>Channels.</summary>
    public int Width { get; init; } = 8;

    /// <summary>Pixels per cell of the finest map.</summary>
    public int FirstStride { get; init; } = 8;

    internal HeadFrame Frame => new(Classes, Width, Levels: 4, FirstStride);

    internal Truth Truth() =>
        CoDetr.Detection.Truth.From(Boxes, [.. Boxes.Select(own => Enumerable.Range(0, own.Length / 4).Select(i => i * 7 % Classes).ToArray())]);

    internal FeatureMaps Maps()
    {
        (int height, int width) = (Sizes.Max(s => s.Height), Sizes.Max(s => s.Width));
        Random random = new(5);
        Tensor[] maps =
        [
            .. Enumerable.Range(0, Frame.Levels).Select(level =>
            {
                int stride = Frame.FirstStride << level, rows = (height + stride - 1) / stride, columns = (width + stride - 1) / stride;
                float[] values = [.. Enumerable.Range(0, Sizes.Length * rows * columns * Width).Select(_ => (random.NextSingle() * 2) - 1)];
                Tensor map = Tensor.From(values, [Sizes.Length, rows, columns, Width]);
                map.RequiresGrad = true;
                return map;
            }),
        ];
        Tensor sizes = ImageBatch.Upload(Sizes);
        return new FeatureMaps(maps, new FeatureLevels(maps.Select(map => (map.Shape[1], map.Shape[2]))), sizes, sizes);
    }

    /// <summary>The objects themselves, moved a little, and boxes all over the picture.</summary>
    internal Proposals Proposals(int count)
    {
        Random random = new(11);
        float[] boxes = new float[Sizes.Length * count * 4];
        for (int image = 0; image < Sizes.Length; image++)
        {
            for (int i = 0; i < count; i++)
            {
                int objects = Boxes[image].Length / 4;
                float[] own = i < 2 * objects ? Moved(Boxes[image].AsSpan(i % objects * 4, 4), random) : Anywhere(Sizes[image], random);
                own.CopyTo(boxes, ((image * count) + i) * 4);
            }
        }

        int[] counts = [.. Enumerable.Range(0, Sizes.Length).Select(i => count - (3 * i))];
        return new Proposals(Tensor.From(boxes, [Sizes.Length, count, 4]), Tensor.Zeros([Sizes.Length, count]), Tensor.From(counts));
    }

    internal static Draws Draws() => CoDetr.Detection.Draws.From(Tensor.From(3, 4));

    internal static float Sum(IEnumerable<NamedLoss> losses, string name) => losses.Single(loss => loss.Name == name).Values.ToArray().Sum();

    private static float[] Moved(ReadOnlySpan<float> box, Random random)
    {
        float[] moved = box.ToArray();
        for (int i = 0; i < 4; i++)
        {
            moved[i] += (random.NextSingle() - 0.5f) * 0.1f * (box[2 + (i % 2)] - box[i % 2]);
        }

        return moved;
    }

    private static float[] Anywhere(ImageSize size, Random random)
    {
        float x = random.NextSingle() * size.Width * 0.7f, y = random.NextSingle() * size.Height * 0.7f;
        return [x, y, x + (random.NextSingle() * size.Width * 0.3f), y + (random.NextSingle() * size.Height * 0.3f)];
    }
}
