using System.Runtime.InteropServices;
using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>All that a step needs from the host, on the device: one allocation, one transfer.</summary>
/// <param name="Pictures">The pictures and their sizes.</param>
/// <param name="Truth">What they show.</param>
/// <param name="Share">What the losses' gradient is multiplied by: <c>f32[]</c>.</param>
/// <param name="Numbers">Of the update: <c>f64[5]</c>, <see cref="UpdateNumbers"/>.</param>
internal sealed record DeviceBatch(ImageBatch Pictures, Truth Truth, Tensor Share, Tensor Numbers)
{
    /// <summary>Uploads a batch.</summary>
    internal static DeviceBatch Upload(Batch batch, float share = 1, UpdateNumbers numbers = default)
    {
        (int count, int most) = (batch.Count, Math.Max(batch.MaxObjects, 1));
        Parcel parcel = new(batch.Images.AsSpan(0, batch.ImageElements + batch.Room), batch.ImageElements);
        int boxes = parcel.Add<float>(batch.Boxes, count * most * 4), labels = parcel.Add<int>(batch.Labels, count * most);
        int counts = parcel.Add<int>(batch.ObjectCounts, count), sizes = parcel.Reserve(2 * count, out Span<float> sizesOf);
        for (int i = 0; i < count; i++)
        {
            (sizesOf[2 * i], sizesOf[(2 * i) + 1]) = (batch.Heights[i], batch.Widths[i]);
        }

        int shareAt = parcel.Add<float>([share], 1), numbersAt = parcel.Add<double>(numbers.ToArray(), 5);
        Tensor whole = Tensor.From(parcel.Written, [parcel.Written.Length]);
        whole.Storage.IsKept = true; // backward frees what its ops read, but the update still reads here
        ImageSize[] imageSizes = [.. batch.Heights.Zip(batch.Widths, (height, width) => new ImageSize(height, width))];
        return new DeviceBatch(
            new ImageBatch(whole.View(0, [count, batch.Height, batch.Width, ImageU8.Channels]), imageSizes, whole.View(sizes, [count, 2])),
            new Truth(whole.View(boxes, [count, most, 4]), whole.View(labels, [count, most], DType.I32), whole.View(counts, [count], DType.I32), batch.ObjectCounts),
            whole.View(shareAt, []),
            whole.View(numbersAt, [5], DType.F64));
    }

    /// <summary>Writes arrays one after another into the room behind the pixels, each at a multiple of sixteen bytes.</summary>
    private ref struct Parcel(Span<float> memory, int used)
    {
        private const int Alignment = 4;
        private readonly Span<float> memory = memory;
        private int used = used;

        /// <summary>What is to be sent.</summary>
        internal readonly ReadOnlySpan<float> Written => memory[..used];

        /// <summary>Appends an array, and zeros up to <paramref name="count"/> elements; gives its place.</summary>
        internal int Add<T>(scoped ReadOnlySpan<T> values, int count)
            where T : unmanaged
        {
            int at = Reserve(count * Marshal.SizeOf<T>() / sizeof(float), out Span<float> place);
            place.Clear();
            values.CopyTo(MemoryMarshal.Cast<float, T>(place));
            return at;
        }

        /// <summary>Makes room for so many elements; gives its place.</summary>
        internal int Reserve(int count, out Span<float> place)
        {
            int at = (used + Alignment - 1) / Alignment * Alignment;
            memory[used..at].Clear();
            used = at + count;
            place = memory[at..used];
            return at;
        }
    }
}
