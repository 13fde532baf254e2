namespace CoDetr.Tensors;

/// <summary>What one element is; named as in safetensors files.</summary>
public enum DType
{
    /// <summary>32-bit float: the storage type of the CPU device.</summary>
    F32,

    /// <summary>64-bit float: cost matrices, and the double build that tests use.</summary>
    F64,

    /// <summary>16-bit float.</summary>
    F16,

    /// <summary>bfloat16.</summary>
    BF16,

    /// <summary>32-bit signed integer: labels, indices, counts.</summary>
    I32,

    /// <summary>64-bit signed integer.</summary>
    I64,

    /// <summary>Byte; masks hold 0 and 1.</summary>
    U8,
}

/// <summary>Sizes of the element types.</summary>
public static class DTypes
{
    /// <summary>The element type that a C# type is stored as.</summary>
    public static DType Of<T>()
        where T : unmanaged =>
        typeof(T) == typeof(float) ? DType.F32
        : typeof(T) == typeof(double) ? DType.F64
        : typeof(T) == typeof(int) ? DType.I32
        : typeof(T) == typeof(long) ? DType.I64
        : typeof(T) == typeof(byte) ? DType.U8
        : throw new ShapeException($"No element type for {typeof(T).Name}.");

    extension(DType dtype)
    {
        /// <summary>Bytes of one element.</summary>
        public int Size => dtype switch
        {
            DType.F64 or DType.I64 => 8,
            DType.F32 or DType.I32 => 4,
            DType.F16 or DType.BF16 => 2,
            _ => 1,
        };

        /// <summary>The type of sums and statistics of such elements: <c>acc</c> of the kernels.</summary>
        public DType Sums => dtype == DType.F64 ? DType.F64 : DType.F32;

        /// <summary>Whether elements are floating-point numbers.</summary>
        public bool IsFloat => dtype is DType.F32 or DType.F64 or DType.F16 or DType.BF16;
    }
}
