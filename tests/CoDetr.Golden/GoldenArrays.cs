using CoDetr.Tensors;

namespace CoDetr.Golden;

/// <summary>Conversions between stored arrays and what a claim works with.</summary>
public static class GoldenArrays
{
    /// <summary>Any stored type as f64.</summary>
    public static double[] ToDoubles(StoredTensor stored) => stored.DType switch
    {
        DType.F32 => [.. stored.ToArray<float>().Select(v => (double)v)],
        DType.F64 => stored.ToArray<double>(),
        _ => [.. ToLongs(stored).Select(v => (double)v)],
    };

    /// <summary>A stored integer type as i64.</summary>
    public static long[] ToLongs(StoredTensor stored) => stored.DType switch
    {
        DType.I32 => [.. stored.ToArray<int>().Select(v => (long)v)],
        DType.I64 => stored.ToArray<long>(),
        DType.U8 => [.. stored.ToArray<byte>().Select(v => (long)v)],
        _ => throw new CheckpointException($"{stored.Name} is {stored.DType}, no integer array."),
    };

    /// <summary>Reorders the dimensions: result dimension <c>i</c> is dimension <c>order[i]</c> of the values.</summary>
    public static T[] Permute<T>(T[] values, Shape shape, params ReadOnlySpan<int> order)
    {
        int rank = order.Length;
        long[] strides = new long[rank];
        for (int i = 0; i < rank; i++)
        {
            strides[i] = shape.CountOf(order[i] + 1, rank);
        }

        T[] result = new T[values.Length];
        int[] at = new int[rank];
        long from = 0;
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = values[from];
            for (int d = rank - 1; d >= 0; d--)
            {
                from += strides[d];
                if (++at[d] < shape[order[d]])
                {
                    break;
                }

                from -= strides[d] * at[d];
                at[d] = 0;
            }
        }

        return result;
    }

    /// <summary>The shape of what <see cref="Permute{T}"/> returns.</summary>
    public static Shape Permute(Shape shape, params ReadOnlySpan<int> order)
    {
        int[] sizes = new int[order.Length];
        for (int i = 0; i < sizes.Length; i++)
        {
            sizes[i] = shape[order[i]];
        }

        return Shape.Create(sizes);
    }
}
