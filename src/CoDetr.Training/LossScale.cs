using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>
/// What losses are multiplied by before they are differentiated, so that gradients stored as f16 do not vanish: halved when they overflow (that update is
/// left out), doubled after a long time without. Exact, for it is a power of two; 1 for other types. Source: Micikevicius et al., arXiv 1710.03740.
/// </summary>
public sealed class LossScale
{
    private const double First = 1 << 16;
    private const double Most = 1 << 24;
    private const int Patience = 2000;
    private readonly bool isUsed;

    /// <summary>Starts afresh.</summary>
    /// <param name="precision">How activations and their gradients are stored.</param>
    public LossScale(DType precision)
    {
        isUsed = precision == DType.F16;
        Value = isUsed ? First : 1;
    }

    /// <summary>The factor.</summary>
    public double Value { get; private set; }

    /// <summary>Updates since it changed.</summary>
    public int GoodUpdates { get; private set; }

    /// <summary>Whether a gradient that is not finite calls for a smaller factor; at 1 something else is wrong.</summary>
    internal bool CanShrink => isUsed && Value > 1;

    /// <summary>Goes on from a saved state.</summary>
    internal void Restore(double value, int goodUpdates) => (Value, GoodUpdates) = (value, goodUpdates);

    /// <summary>An update was made.</summary>
    internal void Passed()
    {
        if (isUsed && ++GoodUpdates >= Patience)
        {
            (Value, GoodUpdates) = (Math.Min(Value * 2, Most), 0);
        }
    }

    /// <summary>A gradient overflowed.</summary>
    internal void Overflowed() => (Value, GoodUpdates) = (Value / 2, 0);
}
