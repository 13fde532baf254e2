using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Assignment problems: predictions × truths, so many at once.</summary>
public sealed record AssignmentSize(int Predictions, int Truths, int Problems)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Predictions}×{Truths} ({Problems})";
}

/// <summary>One problem, and a training step's: pictures × decoder layers.</summary>
public class HungarianBench : SizedBench<AssignmentSize>
{
    private float[]? costs;

    internal override AssignmentSize[] Tiny => [new(12, 5, 3)];

    internal override AssignmentSize[] Real =>
        [new(300, 20, 1), new(900, 100, 1), new(300, 300, 1), new(300, 20, 208), new(900, 100, 208), new(300, 300, 208)];

    internal override Peer Peer => Peer.Plain;

    /// <summary>As a matching cost: each prediction and each truth has a level of its own, and there is noise.</summary>
    internal override Tensor[] Inputs()
    {
        float[] level = new float[Size.Predictions];
        int i = 0;
        Tensor cost = Make([Size.Problems, Size.Truths, Size.Predictions], () =>
        {
            int prediction = i++ % Size.Predictions;
            level[prediction] = i <= Size.Predictions ? Next() : level[prediction];
            return level[prediction] + 4 * Next();
        });
        return [cost, Make([Size.Problems], () => Size.Truths)];
    }

    internal override Tensor Run(Tensor[] t) => t[0].Hungarian(t[1]).Match;

    /// <summary>The total cost of each problem: of equally good assignments any will do.</summary>
    internal override float[] Comparable(float[] match)
    {
        costs ??= T[0].ToArray();
        float[] totals = new float[Size.Problems];
        for (int i = 0; i < match.Length; i++)
        {
            (int problem, int prediction) = Math.DivRem(i, Size.Predictions);
            totals[problem] += match[i] < 0 ? 0 : costs[(problem * Size.Truths + (int)match[i]) * Size.Predictions + prediction];
        }

        return totals;
    }

    internal override float[] RunPlain()
    {
        costs ??= T[0].ToArray();
        float[] match = new float[Size.Problems * Size.Predictions];
        Parallel.For(0, Size.Problems, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, p =>
        {
            ReadOnlySpan<float> cost = costs.AsSpan(p * Size.Truths * Size.Predictions, Size.Truths * Size.Predictions);
            int[] truths = PlainHungarian.Solve(cost, Size.Truths, Size.Predictions);
            for (int q = 0; q < Size.Predictions; q++)
            {
                match[p * Size.Predictions + q] = truths[q];
            }
        });
        return match;
    }
}
