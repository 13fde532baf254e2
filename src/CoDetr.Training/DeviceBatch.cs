using System.Runtime.InteropServices;
using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Tensors;
using Draws = CoDetr.Detection.Draws;

namespace CoDetr.Training;

/// <summary>All that a step needs from the host, on the device: views of one array that came in one transfer.</summary>
/// <param name="Pictures">The pictures and their sizes.</param>
/// <param name="Truth">What they show.</param>
/// <param name="Share">What the losses' gradient is multiplied by: <c>f32[]</c>.</param>
/// <param name="Numbers">Of the update: <c>f64[5]</c>, <see cref="UpdateNumbers"/>.</param>
/// <param name="Draws">Random numbers.</param>
internal sealed record DeviceBatch(ImageBatch Pictures, Truth Truth, Tensor Share, Tensor Numbers, Draws Draws)
{
    /// <summary>Uploads a batch.</summary>
    internal static DeviceBatch Upload(Batch batch, long seed, float share = 1, UpdateNumbers numbers = default)
    {
        BatchLayout layout = BatchLayout.Of(batch);
        return layout.View(Tensor.From(layout.Fill(batch, seed, share, numbers), [layout.Length]), batch);
    }
}

/// <summary>
/// Where everything lies in the array that a step sends: behind the pixels and masks, in the room that a <see cref="Batch"/> has there; each part of it at a
/// multiple of sixteen bytes. Places are in elements of four bytes.
/// </summary>
/// <param name="Count">Pictures.</param>
/// <param name="Height">Pixels, with padding.</param>
/// <param name="Width">Pixels, with padding.</param>
/// <param name="Most">Objects that each picture has room for.</param>
/// <param name="Masks">Elements of the masks: <c>u8[batch, most, height, width]</c>; 0 for none.</param>
internal readonly record struct BatchLayout(int Count, int Height, int Width, int Most, int Masks)
{
    private const int Alignment = 4;

    /// <summary>Elements of all.</summary>
    internal int Length => Numbers + (UpdateNumbers.Count * sizeof(double) / sizeof(float));

    private int Pixels => Count * Height * Width * ImageU8.Channels;

    private int Boxes => Aligned(Pixels + Masks);

    private int Labels => Aligned(Boxes + (Count * Most * 4));

    private int Counts => Aligned(Labels + (Count * Most));

    private int Sizes => Aligned(Counts + Count);

    private int Share => Aligned(Sizes + (2 * Count));

    private int Seed => Aligned(Share + 1);

    private int Numbers => Aligned(Seed + 2);

    /// <summary>
    /// Where a device records steps, batches with nearly as many objects have one layout, so that more of them are alike. With masks there is no room for more
    /// objects: it would cost a bitmap each, and heads that learn masks are not recorded.
    /// </summary>
    internal static BatchLayout Of(Batch batch) => new(
        batch.Count,
        batch.Height,
        batch.Width,
        Device.Default.Records && !batch.HasMasks ? batch.MostObjectsWithRoom : Math.Max(batch.MaxObjects, 1),
        batch.MaskElements);

    /// <summary>Writes everything behind the batch's pixels and masks.</summary>
    /// <returns>All that is to be sent.</returns>
    internal ReadOnlySpan<float> Fill(Batch batch, long seed, float share, UpdateNumbers numbers)
    {
        Span<float> all = batch.Images.AsSpan(0, Length);
        all[(Pixels + Masks)..].Clear();
        Span<int> integers = MemoryMarshal.Cast<float, int>(all);
        for (int i = 0; i < Count; i++)
        {
            int objects = batch.ObjectCounts[i];
            batch.Boxes.AsSpan(i * batch.MaxObjects * 4, objects * 4).CopyTo(all[(Boxes + (i * Most * 4))..]);
            batch.Labels.AsSpan(i * batch.MaxObjects, objects).CopyTo(integers[(Labels + (i * Most))..]);
            integers[Counts + i] = objects;
            (all[Sizes + (2 * i)], all[Sizes + (2 * i) + 1]) = (batch.Heights[i], batch.Widths[i]);
        }

        all[Share] = share;
        (integers[Seed], integers[Seed + 1]) = StepSeed.Of(seed, batch);
        numbers.ToArray().CopyTo(MemoryMarshal.Cast<float, double>(all[Numbers..]));
        return all;
    }

    /// <summary>The parts of the array on the device.</summary>
    internal DeviceBatch View(Tensor whole, Batch batch)
    {
        whole.Storage.IsKept = true; // backward frees what its ops read, but the update still reads here
        ImageSize[] sizes = [.. batch.Heights.Zip(batch.Widths, (height, width) => new ImageSize(height, width))];
        return new DeviceBatch(
            new ImageBatch(whole.View(0, [Count, Height, Width, ImageU8.Channels]), sizes, whole.View(Sizes, [Count, 2])),
            new Truth(
                whole.View(Boxes, [Count, Most, 4]), whole.View(Labels, [Count, Most], DType.I32), whole.View(Counts, [Count], DType.I32), batch.ObjectCounts)
            {
                Masks = Masks == 0 ? null : whole.View(Pixels, [Count, Most, Height, Width], DType.U8),
            },
            whole.View(Share, []),
            whole.View(Numbers, [UpdateNumbers.Count], DType.F64),
            Draws.From(whole.View(Seed, [2], DType.I32)));
    }

    private static int Aligned(int place) => (place + Alignment - 1) / Alignment * Alignment;
}
