using System.Collections;
using System.Runtime.CompilerServices;

namespace CoDetr.Tensors;

/// <summary>The sizes of a tensor's dimensions, outermost first; at most eight. Written <c>[batch, tokens, channels]</c>.</summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>, IEnumerable<int>
{
    /// <summary>The largest number of dimensions.</summary>
    public const int MaxRank = 8;

    private readonly Dims dims;

    [InlineArray(MaxRank)]
    private struct Dims
    {
        private int first;
    }

    private Shape(ReadOnlySpan<int> sizes)
    {
        if (sizes.Length > MaxRank)
        {
            throw new ShapeException($"A shape has at most {MaxRank} dimensions, got {sizes.Length}.");
        }

        Length = sizes.Length;
        for (int i = 0; i < sizes.Length; i++)
        {
            dims[i] = sizes[i] >= 0 ? sizes[i] : throw new ShapeException($"Dimension {i} is negative: {sizes[i]}.");
        }
    }

    /// <summary>Makes a shape; the target of collection expressions.</summary>
    public static Shape Create(ReadOnlySpan<int> sizes) => new(sizes);

    /// <summary>The number of dimensions.</summary>
    public int Length { get; }

    /// <summary>The size of dimension <paramref name="index"/>.</summary>
    public int this[int index] => (uint)index < (uint)Length ? dims[index] : throw new ShapeException($"{this} has no dimension {index}.");

    /// <summary>The number of elements: the product of the sizes, 1 for a scalar.</summary>
    public long Count
    {
        get
        {
            long count = 1;
            for (int i = 0; i < Length; i++)
            {
                count = checked(count * dims[i]);
            }

            return count;
        }
    }

    /// <summary>The same shape with dimension <paramref name="axis"/> replaced.</summary>
    public Shape With(int axis, int size)
    {
        int[] sizes = [.. this];
        sizes[axis] = size;
        return new Shape(sizes);
    }

    /// <summary>The product of the sizes of dimensions <paramref name="from"/> (inclusive) to <paramref name="to"/> (exclusive).</summary>
    public long CountOf(int from, int to)
    {
        long count = 1;
        for (int i = from; i < to; i++)
        {
            count = checked(count * dims[i]);
        }

        return count;
    }

    /// <summary>Turns a negative axis (from the end) into one from the front.</summary>
    public int Axis(int axis) => axis >= -Length && axis < Length
        ? (axis + Length) % Length
        : throw new ShapeException($"{this} has no axis {axis}.");

    /// <inheritdoc/>
    public bool Equals(Shape other)
    {
        if (Length != other.Length)
        {
            return false;
        }

        for (int i = 0; i < Length; i++)
        {
            if (dims[i] != other.dims[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        for (int i = 0; i < Length; i++)
        {
            hash.Add(dims[i]);
        }

        return hash.ToHashCode();
    }

    /// <summary>Equal in length and every size.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Different in length or some size.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>For example <c>[2, 900, 256]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", this)}]";

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator()
    {
        for (int i = 0; i < Length; i++)
        {
            yield return dims[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
