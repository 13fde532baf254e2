namespace CoDetr.Data;

/// <summary>
/// Some images and their objects, as plain arrays: what a training step uploads. Images lie in the top left corner, zero to the right and below.
/// Dispose gives the pixels' memory back for another batch; it must not be read afterwards.
/// </summary>
public sealed class Batch : IDisposable
{
    private readonly BufferPool _pool;

    private Batch(int count, int height, int width, int maxObjects, BufferPool pool)
    {
        (Count, Height, Width, MaxObjects, _pool) = (count, height, width, maxObjects, pool);
        Images = pool.Rent(checked((count * height * width * ImageU8.Channels) + RoomFor(count, maxObjects)));
        (ImageIndices, Heights, Widths, OriginalHeights, OriginalWidths, ObjectCounts) = (Ints(), Ints(), Ints(), Ints(), Ints(), Ints());
        (ScaleX, ScaleY) = (new float[count], new float[count]);
        Boxes = new float[count * maxObjects * 4];
        Labels = new int[count * maxObjects];

        int[] Ints() => new int[count];
    }

    /// <summary>Which epoch it belongs to.</summary>
    public int Epoch { get; internal set; }

    /// <summary>Which step of the epoch it is.</summary>
    public int Step { get; internal set; }

    /// <summary>Number of images.</summary>
    public int Count { get; }

    /// <summary>Pixels, of the tallest image, rounded up to the pipeline's divisor.</summary>
    public int Height { get; }

    /// <summary>Pixels, of the widest image, rounded up to the pipeline's divisor.</summary>
    public int Width { get; }

    /// <summary>Most objects in one image; the others are padded to it.</summary>
    public int MaxObjects { get; }

    /// <summary>
    /// <c>f32[Count, Height, Width, 3]</c>, normalized. The array is longer by at least <see cref="Room"/> elements of no meaning: what a step sends to a
    /// device together with the pixels is put there.
    /// </summary>
    public float[] Images { get; private set; }

    /// <summary>Number of meaningful elements of <see cref="Images"/>.</summary>
    public int ImageElements => Count * Height * Width * ImageU8.Channels;

    /// <summary>Elements behind the pixels that are free to be written: enough for a copy of all other arrays, <see cref="MostObjectsWithRoom"/> to an image.</summary>
    public int Room => RoomFor(Count, MaxObjects);

    /// <summary><see cref="MaxObjects"/> rounded up to a multiple of sixteen.</summary>
    public int MostObjectsWithRoom => WithRoom(MaxObjects);

    /// <summary>Index of each image in <see cref="CocoFile.Images"/>; -1 for images from elsewhere.</summary>
    public int[] ImageIndices { get; }

    /// <summary>Height of each image without padding, pixels.</summary>
    public int[] Heights { get; }

    /// <summary>Width of each image without padding, pixels.</summary>
    public int[] Widths { get; }

    /// <summary>Height of each image's file, pixels.</summary>
    public int[] OriginalHeights { get; }

    /// <summary>Width of each image's file, pixels.</summary>
    public int[] OriginalWidths { get; }

    /// <summary>Pixels here for one pixel of the file, across (of the last resize).</summary>
    public float[] ScaleX { get; }

    /// <summary>Pixels here for one pixel of the file, down (of the last resize).</summary>
    public float[] ScaleY { get; }

    /// <summary>Number of objects in each image.</summary>
    public int[] ObjectCounts { get; }

    /// <summary><c>f32[Count, MaxObjects, 4]</c>: x1 y1 x2 y2 in pixels of this batch's images; zero beyond an image's count.</summary>
    public float[] Boxes { get; }

    /// <summary><c>i32[Count, MaxObjects]</c>: classes; -1 beyond an image's count.</summary>
    public int[] Labels { get; }

    /// <summary>A batch of images that were read elsewhere, e.g. to detect objects in them.</summary>
    public static Batch Of(IReadOnlyList<ImageU8> images, Pipeline pipeline)
    {
        var samples = new Sample[images.Count];
        for (int i = 0; i < samples.Length; i++)
        {
            samples[i] = new Sample();
            samples[i].Image.CopyFrom(images[i]);
            samples[i].Begin();
            pipeline.Apply(samples[i], new RandomDraws(0, "detect", 0, i));
        }
        var indices = new int[samples.Length];
        Array.Fill(indices, -1);
        return Assemble(samples, indices, pipeline, new BufferPool(1));
    }

    /// <summary>Gives the pixels' memory back.</summary>
    public void Dispose()
    {
        if (Images.Length > 0)
            _pool.Return(Images);
        Images = [];
    }

    internal static Batch Assemble(ReadOnlySpan<Sample> samples, ReadOnlySpan<int> indices, Pipeline pipeline, BufferPool pool)
    {
        int height = 0, width = 0, objects = 0;
        foreach (Sample sample in samples)
            (height, width, objects) = (Math.Max(height, sample.Image.Height), Math.Max(width, sample.Image.Width), Math.Max(objects, sample.Labels.Count));
        height = RoundUp(height, pipeline.SizeDivisor);
        width = RoundUp(width, pipeline.SizeDivisor);

        var batch = new Batch(samples.Length, height, width, objects, pool);
        Array.Fill(batch.Labels, -1);
        indices.CopyTo(batch.ImageIndices);
        int size = height * width * ImageU8.Channels;
        for (int i = 0; i < samples.Length; i++)
        {
            Sample sample = samples[i];
            pipeline.Normalization.Apply(sample.Image, batch.Images.AsSpan(i * size, size), height, width);
            (batch.Heights[i], batch.Widths[i]) = (sample.Height, sample.Width);
            (batch.OriginalHeights[i], batch.OriginalWidths[i]) = (sample.OriginalHeight, sample.OriginalWidth);
            (batch.ScaleX[i], batch.ScaleY[i]) = (sample.ScaleX, sample.ScaleY);
            batch.ObjectCounts[i] = sample.Labels.Count;
            sample.Boxes.CopyTo(batch.Boxes, i * objects * 4);
            sample.Labels.CopyTo(batch.Labels, i * objects);
        }
        return batch;
    }

    private static int RoomFor(int count, int maxObjects) => 128 + (count * ((5 * WithRoom(maxObjects)) + 3));

    private static int WithRoom(int objects) => RoundUp(Math.Max(objects, 1), 16);

    private static int RoundUp(int value, int divisor) => (value + divisor - 1) / divisor * divisor;
}
