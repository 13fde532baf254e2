using CoDetr.Tensors;

namespace CoDetr.Tests;

/// <summary>What storing a number in a type does to it, and how far a result in that type may lie from the truth.</summary>
internal static class StorageRounding
{
    /// <summary>
    /// Largest errors of an op's output and gradients, relative to the largest magnitude of each array, against a double-precision reference on the rounded
    /// inputs. f16 keeps 11 bits and bf16 8, so that storing alone costs 2^-12 and 2^-9 of the largest; an op may store a value on the way.
    /// </summary>
    internal static (double Output, double Gradient) Tolerances(DType type) => type switch
    {
        DType.F64 => (1e-10, 1e-6), // the gradients' are the differences' own
        DType.F16 => (1e-3, 2e-3),
        DType.BF16 => (8e-3, 16e-3),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Each op states its own f32 tolerance."),
    };

    /// <summary>The nearest number of the type, ties to even.</summary>
    internal static double Round(double x, DType type) => type switch
    {
        DType.F16 => (double)(Half)(float)x,
        DType.BF16 => BitConverter.Int32BitsToSingle(RoundToUpperHalf(BitConverter.SingleToInt32Bits((float)x))),
        _ => x,
    };

    private static int RoundToUpperHalf(int bits) => (bits + 0x7FFF + ((bits >> 16) & 1)) & ~0xFFFF;
}
