namespace CoDetr.Tensors;

/// <summary>Numbers of two bytes in plain memory: rounded to nearest even, as kernels round when they store.</summary>
internal static class ShortFloats
{
    /// <summary>The bits of <paramref name="values"/> as <see cref="DType.F16"/> or <see cref="DType.BF16"/>.</summary>
    internal static ushort[] From(ReadOnlySpan<float> values, DType dtype)
    {
        ushort[] bits = new ushort[values.Length];
        for (int i = 0; i < bits.Length; i++)
        {
            bits[i] = dtype == DType.F16 ? BitConverter.HalfToUInt16Bits((Half)values[i]) : ToBF16(values[i]);
        }

        return bits;
    }

    /// <summary>The numbers that bits stand for; exact.</summary>
    internal static float[] ToFloats(ReadOnlySpan<ushort> bits, DType dtype)
    {
        float[] values = new float[bits.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = dtype == DType.F16 ? (float)BitConverter.UInt16BitsToHalf(bits[i]) : BitConverter.UInt32BitsToSingle((uint)bits[i] << 16);
        }

        return values;
    }

    private static ushort ToBF16(float value)
    {
        uint u = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((u >> 16) | 0x40) : (ushort)((u + 0x7FFF + ((u >> 16) & 1)) >> 16);
    }
}
