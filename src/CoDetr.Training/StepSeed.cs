using CoDetr.Data;

namespace CoDetr.Training;

/// <summary>What all random numbers of a batch follow from, besides their consumers' names: the run's seed, the epoch and the batch's place in it.</summary>
internal static class StepSeed
{
    /// <summary>Two numbers, <c>i32[2]</c> on the device.</summary>
    internal static (int Low, int High) Of(long seed, Batch batch)
    {
        ulong mixed = Mixed(Mixed(Mixed(unchecked((ulong)seed)) ^ (uint)batch.Epoch) ^ (uint)batch.Step);
        return (unchecked((int)mixed), unchecked((int)(mixed >> 32)));
    }

    /// <summary>SplitMix64: every bit of the input reaches every bit of the output.</summary>
    private static ulong Mixed(ulong x)
    {
        x = unchecked(x + 0x9E3779B97F4A7C15);
        x = unchecked((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9);
        x = unchecked((x ^ (x >> 27)) * 0x94D049BB133111EB);
        return x ^ (x >> 31);
    }
}
