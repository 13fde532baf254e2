namespace CoDetr.Data;

/// <summary>Where a transform gets its random numbers from, in the order in which it asks.</summary>
public abstract class Draws
{
    /// <summary>A number in [0, 1).</summary>
    public abstract double Unit();

    /// <summary>A whole number from <paramref name="low"/> to <paramref name="high"/>, both included.</summary>
    public abstract int Between(int low, int high);
}

/// <summary>
/// Random numbers that are a pure function of (seed, purpose, epoch, sample) and of how many were drawn: no state to save, none shared
/// between threads, so order and number of workers do not matter. SplitMix64 over a hashed start.
/// </summary>
public sealed class RandomDraws(ulong seed, string purpose, long epoch = 0, long sample = 0) : Draws
{
    private ulong _counter = Mix(Mix(Mix(seed ^ HashOf(purpose)) + (ulong)epoch) + (ulong)sample);

    /// <summary>64 random bits.</summary>
    public ulong Next() => Mix(_counter += 0x9E3779B97F4A7C15);

    /// <inheritdoc/>
    public override double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <inheritdoc/>
    public override int Between(int low, int high)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(high, low);
        return low + (int)Math.BigMul(Next(), (ulong)(high - (long)low + 1), out _);
    }

    /// <summary>Puts a list in random order (Fisher–Yates).</summary>
    public void Shuffle(Span<int> values)
    {
        for (int i = values.Length - 1; i > 0; i--)
        {
            int j = Between(0, i);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    private static ulong Mix(ulong z)
    {
        z += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    private static ulong HashOf(string text) // FNV-1a
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (char c in text)
            hash = (hash ^ c) * 0x100000001B3;
        return hash;
    }
}
