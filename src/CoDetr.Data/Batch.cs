using System.Runtime.InteropServices;

namespace CoDetr.Data;

/// <summary>
/// Some images and their objects, as plain arrays: what a training step uploads. Images lie in the top left corner, zero to the right and below.
/// Dispose gives the memory of pixels and masks back for another batch; it must not be read afterwards.
/// </summary>
public sealed class Batch : IDisposable
{
    private readonly BufferPool _pool;

    private Batch(int count, int height, int width, int maxObjects, bool hasMasks, BufferPool pool)
    {
        (Count, Height, Width, MaxObjects, HasMasks, _pool) = (count, height, width, maxObjects, hasMasks && maxObjects > 0, pool);
        long pixels = (long)count * height * width, masks = HasMasks ? pixels * maxObjects : 0;
        long length = (pixels * ImageU8.Channels) + (masks / sizeof(float)) + 1 + RoomFor(count, maxObjects);
        if (length * sizeof(float) > int.MaxValue) // one span of bytes, and one transfer
        {
            string with = HasMasks ? $" with the masks of up to {maxObjects} objects each" : "";
            throw new DataException($"a batch of {count} images of {width} x {height}{with} does not fit into 2 GB; use smaller batches or images.");
        }
        Images = pool.Rent((int)length);
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
    /// <c>f32[Count, Height, Width, 3]</c>, normalized. Behind them lie <see cref="Masks"/>, and at least <see cref="Room"/> elements of no meaning: what a
    /// step sends to a device together with the pixels is put there.
    /// </summary>
    public float[] Images { get; private set; }

    /// <summary>Number of elements of <see cref="Images"/> that are pixels.</summary>
    public int ImageElements => Count * Height * Width * ImageU8.Channels;

    /// <summary>Whether there are masks: they were asked for, and there is an object.</summary>
    public bool HasMasks { get; }

    /// <summary>
    /// What each object covers of its image, 0 or 1: <c>u8[Count, MaxObjects, Height, Width]</c>; zero beyond an image's count. Empty without masks.
    /// They lie in <see cref="Images"/>, directly behind the pixels.
    /// </summary>
    public Span<byte> Masks => MemoryMarshal.AsBytes(Images.AsSpan(ImageElements, MaskElements))[..MaskBytes];

    /// <summary>Number of elements of <see cref="Images"/> that the masks take, four bytes each.</summary>
    public int MaskElements => (MaskBytes + sizeof(float) - 1) / sizeof(float);

    /// <summary>
    /// Elements behind pixels and masks that are free to be written: enough for a copy of all other arrays, <see cref="MostObjectsWithRoom"/> to an image.
    /// </summary>
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

    private int MaskBytes => HasMasks ? Count * MaxObjects * Height * Width : 0;

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
        return Assemble(samples, indices, pipeline, new BufferPool(1), withMasks: false);
    }

    /// <summary>Gives the memory of pixels and masks back.</summary>
    public void Dispose()
    {
        if (Images.Length > 0)
            _pool.Return(Images);
        Images = [];
    }

    internal static Batch Assemble(ReadOnlySpan<Sample> samples, ReadOnlySpan<int> indices, Pipeline pipeline, BufferPool pool, bool withMasks)
    {
        int height = 0, width = 0, objects = 0;
        foreach (Sample sample in samples)
            (height, width, objects) = (Math.Max(height, sample.Image.Height), Math.Max(width, sample.Image.Width), Math.Max(objects, sample.Labels.Count));
        height = RoundUp(height, pipeline.SizeDivisor);
        width = RoundUp(width, pipeline.SizeDivisor);

        var batch = new Batch(samples.Length, height, width, objects, withMasks, pool);
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
            if (batch.HasMasks)
                batch.DrawMasks(i, sample);
        }
        return batch;
    }

    private void DrawMasks(int image, Sample sample)
    {
        int size = Height * Width;
        Span<byte> masks = Masks.Slice(image * MaxObjects * size, MaxObjects * size);
        for (int i = 0; i < sample.Labels.Count; i++)
            sample.DrawMask(i, masks.Slice(i * size, size), Width);
        masks[(sample.Labels.Count * size)..].Clear();
    }

    private static int RoomFor(int count, int maxObjects) => 128 + (count * ((5 * WithRoom(maxObjects)) + 3));

    private static int WithRoom(int objects) => RoundUp(Math.Max(objects, 1), 16);

    private static int RoundUp(int value, int divisor) => (value + divisor - 1) / divisor * divisor;
}
