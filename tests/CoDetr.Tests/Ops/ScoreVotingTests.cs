using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class ScoreVotingTests
{
    private const int Batch = 2, Most = 4, Rows = 45, Classes = 3;
    private static readonly int[] Labels = [0, 2, 1, 1, 2, 0, -1, -1];
    private static readonly int[] Counts = [4, 2];

    [Fact]
    public void Agrees() => new OpCase(
        "voting",
        [[Batch, Most, 4], [Batch, Rows, 4], [Batch, Rows, Classes]],
        t => t[0].ToCorners().ScoreVoting(
            Tensor.From(Labels, [Batch, Most], t[0].Device), Tensor.From(Counts, [Batch], t[0].Device), t[1].ToCorners(), t[2], 0.05f),
        v => [.. Enumerable.Range(0, Batch * Most).SelectMany(i => Voted(v, i))])
    {
        HasHalf = false,
        IsDifferentiable = false,
        Adapt = (i, x) => i == 2 ? 1 / (1 + Math.Exp(3 * x)) : 2 + (0.3 * x),
    }.Verify();

    [Fact]
    public void ABoxNobodyVotesForStays()
    {
        using StepScope scope = StepScope.Begin();
        Tensor kept = Tensor.From([0f, 0, 2, 2], [1, 1, 4]), beside = Tensor.From([5f, 5, 6, 6], [1, 1, 4]);
        Assert.Equal([0f, 0, 2, 2], kept.ScoreVoting(Tensor.From([0], [1, 1]), Tensor.From([1], [1]), beside, Tensor.From([0.9f], [1, 1, 1]), 0).ToArray());
    }

    [Fact]
    public void OneThatOverlapsLessHasLittleToSay()
    {
        using StepScope scope = StepScope.Begin();
        Tensor kept = Tensor.From([0f, 0, 10, 10], [1, 1, 4]), candidates = Tensor.From([0f, 0, 10, 10, 0, 0, 10, 8], [1, 2, 4]);
        float[] voted = kept.ScoreVoting(Tensor.From([0], [1, 1]), Tensor.From([1], [1]), candidates, Tensor.From([0.8f, 0.4f], [1, 2, 1]), 0.05f).ToArray();
        float vote = 0.4f * MathF.Exp(-0.04f / 0.025f); // IoU 0.8
        Assert.Equal(((0.8f * 10) + (vote * 8)) / (0.8f + vote), voted[3], 5);
        Assert.Equal([0f, 0, 10], voted[..3].Select(x => MathF.Round(x, 5)));
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "ScoreVoting: counts must be [batch] = [1], got [2].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([1, 2, 4]).ScoreVoting(
            Tensor.Zeros([1, 2], DType.I32), Tensor.Zeros([2], DType.I32), Tensor.Zeros([1, 5, 4]), Tensor.Zeros([1, 5, 2]), 0)).Message);

    private static double[] Voted(double[][] v, int i)
    {
        double[] own = Corners(v[0], i);
        if (i % Most >= Counts[i / Most])
        {
            return own;
        }

        (double[] sum, double total) = (new double[4], 0);
        for (int row = i / Most * Rows; row < ((i / Most) + 1) * Rows; row++)
        {
            double[] other = Corners(v[1], row);
            double score = v[2][(row * Classes) + Labels[i]], iou = IoU(own, other);
            if (score > 0.05f && iou > 0.01f)
            {
                double weight = score * Math.Exp(-(1 - iou) * (1 - iou) / 0.025f);
                total += weight;
                sum = [.. sum.Select((x, k) => x + (weight * other[k]))];
            }
        }

        return total > 0 ? [.. sum.Select(x => x / total)] : own;
    }

    private static double[] Corners(double[] c, int i) =>
        [c[4 * i] - (c[(4 * i) + 2] / 2), c[(4 * i) + 1] - (c[(4 * i) + 3] / 2), c[4 * i] + (c[(4 * i) + 2] / 2), c[(4 * i) + 1] + (c[(4 * i) + 3] / 2)];

    private static double IoU(double[] a, double[] b)
    {
        double both = Math.Max(0, Math.Min(a[2], b[2]) - Math.Max(a[0], b[0])) * Math.Max(0, Math.Min(a[3], b[3]) - Math.Max(a[1], b[1]));
        return both / (((a[2] - a[0]) * (a[3] - a[1])) + ((b[2] - b[0]) * (b[3] - b[1])) - both);
    }
}
