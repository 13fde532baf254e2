using System.Numerics;

namespace CoDetr.Tensors;

/// <summary>The sizes in which pools hold memory.</summary>
internal static class BlockSize
{
    private const int Least = 256;
    private const int Alignment = 64;

    /// <summary>Eight sizes to each power of two: at most an eighth is wasted, and nearly equal sizes share blocks.</summary>
    internal static long Of(long bytes)
    {
        long size = Math.Max(bytes, Least);
        long step = Math.Max((long)BitOperations.RoundUpToPowerOf2((ulong)size) / 16, Alignment);
        return (size + step - 1) / step * step;
    }
}
