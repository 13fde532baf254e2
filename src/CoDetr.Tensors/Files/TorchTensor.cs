namespace CoDetr.Tensors;

/// <summary>A tensor of a PyTorch file: where its elements lie. <see cref="TorchArchive.Read"/> reads them.</summary>
public sealed class TorchTensor
{
    private readonly long[] strides;

    /// <summary>Sees that every element lies within the storage, whatever the numbers are.</summary>
    /// <exception cref="InvalidDataException">One does not.</exception>
    internal TorchTensor(TorchStorage storage, long offset, long[] sizes, long[] strides, long mostBytes)
    {
        if (sizes.Length != strides.Length || sizes.Length > Shape.MaxRank)
        {
            throw new InvalidDataException($"a tensor has {sizes.Length} sizes and {strides.Length} strides; {Shape.MaxRank} are the most");
        }

        Int128 count = 1, last = offset; // at most 8 products of 31 and 63 bits: no overflow, as count is checked after each
        bool isEmpty = sizes.Contains(0);
        for (int i = 0; i < sizes.Length; i++)
        {
            count *= Math.Max(sizes[i], 1);
            last += (Int128)(sizes[i] - 1) * strides[i];
            if (sizes[i] is < 0 or > int.MaxValue || strides[i] < 0 || count * storage.Element.Size > mostBytes)
            {
                throw new InvalidDataException($"{Described(sizes, strides)} is more than the file holds");
            }
        }

        if (offset < 0 || (isEmpty ? offset > storage.Count : last >= storage.Count))
        {
            throw new InvalidDataException(
                $"{Described(sizes, strides)} at {offset} leaves its storage '{TorchNames.Printable(storage.Key)}' of {storage.Count} elements");
        }

        (Storage, Offset, this.strides) = (storage, offset, strides);
        Shape = Shape.Create([.. sizes.Select(size => (int)size)]);
        Reach = isEmpty ? 0 : (long)(last - offset) + 1;
    }

    /// <summary>The sizes of the dimensions.</summary>
    public Shape Shape { get; }

    /// <summary>The element type that it is read as: bool becomes bytes, integers of one and two bytes become <see cref="DType.I32"/>.</summary>
    public DType DType => Storage.Element.DType;

    internal TorchStorage Storage { get; }

    /// <summary>The first element's place in the storage.</summary>
    internal long Offset { get; }

    /// <summary>Elements from the first to the last.</summary>
    internal long Reach { get; }

    /// <summary>Whether the elements lie one after another.</summary>
    internal bool IsContiguous
    {
        get
        {
            long expected = 1;
            for (int i = Shape.Length - 1; i >= 0; i--)
            {
                if (Shape[i] > 1 && strides[i] != expected)
                {
                    return false;
                }

                expected *= Shape[i];
            }

            return true;
        }
    }

    /// <summary>Brings elements that lie apart into a row.</summary>
    /// <param name="reach">The storage's elements from the first to the last.</param>
    internal T[] Gather<T>(ReadOnlySpan<T> reach)
    {
        T[] values = new T[Shape.Count];
        Span<int> at = stackalloc int[Shape.MaxRank];
        long from = 0;
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = reach[(int)from];
            for (int d = Shape.Length - 1; d >= 0; d--)
            {
                from += strides[d];
                if (++at[d] < Shape[d])
                {
                    break;
                }

                from -= strides[d] * at[d];
                at[d] = 0;
            }
        }

        return values;
    }

    private static string Described(long[] sizes, long[] strides) =>
        $"a tensor of the sizes [{string.Join(", ", sizes)}] and strides [{string.Join(", ", strides)}]";
}

/// <summary>A run of numbers that tensors of a PyTorch file share.</summary>
internal sealed class TorchStorage(string key, TorchElement element, long count)
{
    internal string Key => key;

    internal TorchElement Element => element;

    internal long Count => count;

    internal long Bytes => count * element.Size;

    /// <summary>Where it begins in the file; -1 before that is known.</summary>
    internal long Begin { get; set; } = -1;

    /// <summary>The checksum that the file gives, until it has been compared.</summary>
    internal uint? Checksum { get; set; }
}

/// <summary>What the elements of a storage are, and what they are read as.</summary>
/// <param name="Name">The storage's class in PyTorch.</param>
/// <param name="Size">Bytes of an element in the file.</param>
/// <param name="DType">What it is read as.</param>
internal sealed record TorchElement(string Name, int Size, DType DType)
{
    internal static IReadOnlyList<TorchElement> All { get; } =
    [
        new("FloatStorage", 4, DType.F32), new("DoubleStorage", 8, DType.F64), new("HalfStorage", 2, DType.F16), new("BFloat16Storage", 2, DType.BF16),
        new("LongStorage", 8, DType.I64), new("IntStorage", 4, DType.I32), new("ShortStorage", 2, DType.I32), new("CharStorage", 1, DType.I32),
        new("ByteStorage", 1, DType.U8), new("BoolStorage", 1, DType.U8),
    ];
}
