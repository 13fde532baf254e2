using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>A named array as it lies in a file: plain memory, no device.</summary>
/// <param name="Name">For example <c>backbone.conv1.weight</c>.</param>
/// <param name="DType">The element type.</param>
/// <param name="Shape">The sizes of the dimensions; empty for a scalar.</param>
/// <param name="Bytes">The elements, little-endian, row-major.</param>
public sealed record StoredTensor(string Name, DType DType, Shape Shape, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Takes a copy of an array's bytes.</summary>
    public static StoredTensor From<T>(string name, Shape shape, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        Tensors.Check.That(values.Length == shape.Count, $"{name}: {shape} has {shape.Count} elements, got {values.Length}.");
        return new StoredTensor(name, DTypes.Of<T>(), shape, MemoryMarshal.AsBytes(values).ToArray());
    }

    /// <summary>The elements, which must be of type <typeparamref name="T"/>.</summary>
    public T[] ToArray<T>()
        where T : unmanaged
    {
        Tensors.Check.That(DTypes.Of<T>() == DType, $"{Name} holds {DType}, not {typeof(T).Name}.");
        return MemoryMarshal.Cast<byte, T>(Bytes.Span).ToArray();
    }

    /// <summary>The elements as f32: f64 and integers are rounded, all else is exact.</summary>
    public float[] ToFloats()
    {
        ReadOnlySpan<byte> bytes = Bytes.Span;
        return DType switch
        {
            DType.F32 => MemoryMarshal.Cast<byte, float>(bytes).ToArray(),
            DType.F16 or DType.BF16 => ShortFloats.ToFloats(MemoryMarshal.Cast<byte, ushort>(bytes), DType),
            DType.F64 => Array.ConvertAll(ToArray<double>(), value => (float)value),
            DType.I32 => Array.ConvertAll(ToArray<int>(), value => (float)value),
            DType.I64 => Array.ConvertAll(ToArray<long>(), value => (float)value),
            _ => Array.ConvertAll(ToArray<byte>(), value => (float)value),
        };
    }
}
