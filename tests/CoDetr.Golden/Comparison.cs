using CoDetr.Tensors;

namespace CoDetr.Golden;

/// <summary>What came of comparing one array.</summary>
/// <param name="Name">The array.</param>
/// <param name="Error">The error at the element that lies worst against its tolerance.</param>
/// <param name="Allowed">The tolerance there.</param>
/// <param name="Failure">What to print if it is beyond; null if it passed.</param>
internal sealed record Comparison(string Name, double Error, double Allowed, string? Failure)
{
    internal static Comparison None { get; } = new("", 0, 0, null);

    /// <summary>The error as a part of the tolerance; above 1 is too much.</summary>
    internal double Ratio => Error == 0 ? 0 : Error / Allowed;

    /// <summary>Element by element; NaN equals NaN, an infinity equals itself.</summary>
    internal static Comparison Of(string name, StoredTensor stored, double[] found, Tolerance tolerance, Func<int, bool>? counts)
    {
        double[] expected = GoldenArrays.ToDoubles(stored);
        if (expected.Length != found.Length)
        {
            return new(name, double.PositiveInfinity, 0, $"{name} has {found.Length} elements, stored are {expected.Length}");
        }

        Comparison worst = None with { Name = name };
        double sum = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            if (counts is null || counts(i))
            {
                Comparison one = OfNumber($"{name}[{i}]", expected[i], found[i], tolerance);
                worst = Worse(worst, one);
                sum += double.IsFinite(one.Error) ? one.Error : 0;
            }
        }

        double mean = sum / Math.Max(expected.Length, 1), limit = tolerance.Absolute / 10;
        return worst.Failure is null && tolerance.BoundsMean && mean > limit
            ? new(name, mean, limit, $"{name}: the mean absolute difference is {mean:G3}, allowed is {limit:G3}")
            : worst with { Name = name };
    }

    /// <summary>One number.</summary>
    internal static Comparison OfNumber(string name, double expected, double found, Tolerance tolerance)
    {
        if (expected.Equals(found) || expected == found)
        {
            return new(name, 0, tolerance.Absolute + (tolerance.Relative * Math.Abs(expected)), null);
        }

        double error = double.IsFinite(expected) && double.IsFinite(found) ? Math.Abs(expected - found) : double.PositiveInfinity;
        double allowed = double.IsFinite(expected) ? tolerance.Absolute + (tolerance.Relative * Math.Abs(expected)) : 0;
        return new(name, error, allowed, error <= allowed ? null : $"{name} is {found:G9}, stored is {expected:G9}: off by {error:G3}, allowed {allowed:G3}");
    }

    /// <summary>The one that lies worse against its tolerance; of two without error the one seen first, so that a tolerance is shown.</summary>
    internal static Comparison Worse(Comparison a, Comparison b) => b.Ratio > a.Ratio || (a.Allowed == 0 && a.Error == 0) ? b : a;
}
