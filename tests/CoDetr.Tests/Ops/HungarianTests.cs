using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class HungarianTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(20, 7)]
    [InlineData(7, 20)]
    [InlineData(9, 9)]
    [InlineData(300, 20)]
    [InlineData(8000, 3)] // more than the scratch of a GPU's team
    public void FindsTheSmallestSum(int predictions, int truths)
    {
        Random random = new(predictions + truths);
        double[] cost = [.. Enumerable.Range(0, 6 * truths * predictions).Select(_ => (double)(float)((random.NextDouble() * 10) - 3))];
        foreach (bool isDouble in new[] { false, true })
        {
            int[] match = Match(cost, 6, [truths, truths], truths, predictions, isDouble).Match;
            for (int p = 0; p < 6; p++)
            {
                int[] own = match[(p * predictions)..((p + 1) * predictions)];
                double[] costs = cost[(p * truths * predictions)..((p + 1) * truths * predictions)];
                Assert.Equal(Math.Min(predictions, truths), own.Count(t => t >= 0));
                Assert.Equal(own.Where(t => t >= 0).Distinct().Count(), own.Count(t => t >= 0));
                double total = own.Select((t, q) => t < 0 ? 0 : costs[(t * predictions) + q]).Sum();
                Assert.Equal(SmallestSum(costs, truths, predictions), total, 9);
            }
        }
    }

    [Fact]
    public void EachPictureHasItsOwnCount()
    {
        double[] cost = [.. Enumerable.Range(0, 2 * 3 * 5).Select(i => (double)((i * 7) % 11))];
        int[] match = Match(cost, 2, [3, 0], 3, 5, isDouble: false).Match;
        Assert.Equal(3, match[..5].Count(t => t >= 0));
        Assert.Equal([-1, -1, -1, -1, -1], match[5..]);
    }

    [Fact]
    public void ACostThatIsNotFiniteIsChosenLastAndCounted()
    {
        double nan = double.NaN, inf = double.PositiveInfinity;
        (int[] match, int[] bad) = Match([nan, 900, 1, 1, inf, 2], 1, [2], 2, 3, isDouble: true);
        Assert.Equal([1, -1, 0], match); // 1 + 1, not the 900
        Assert.Equal([2], bad);
        (match, bad) = Match([nan, nan, nan, nan], 1, [2], 2, 2, isDouble: true);
        Assert.Equal([0, 1], match.Order());
        Assert.Equal([4], bad);
    }

    [Fact]
    public void TheSameForAnyNumberOfWorkers()
    {
        Random random = new(3);
        double[] cost = [.. Enumerable.Range(0, 12 * 9 * 40).Select(_ => (double)random.Next(6))]; // many ties
        int[] first = Match(cost, 12, [9, 4, 7], 9, 40, false, 1).Match;
        foreach (int workers in new[] { 2, 3, 7 })
        {
            Assert.Equal(first, Match(cost, 12, [9, 4, 7], 9, 40, false, workers).Match);
        }
    }

    private static (int[] Match, int[] Bad) Match(double[] cost, int problems, int[] counts, int most, int predictions, bool isDouble, int workers = 2)
    {
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        Tensor costs = isDouble
            ? Tensor.From(cost, [problems, most, predictions], device)
            : Tensor.From<float>([.. cost.Select(c => (float)c)], [problems, most, predictions], device);
        (Tensor match, Tensor bad) = costs.Hungarian(Tensor.From(counts, [counts.Length], device));
        return (match.ToArray<int>(), bad.ToArray<int>());
    }

    /// <summary>The textbook Hungarian method with potentials, in doubles: the sum only.</summary>
    private static double SmallestSum(double[] cost, int truths, int predictions)
    {
        bool turned = truths > predictions;
        (int n, int m) = turned ? (predictions, truths) : (truths, predictions);
        double At(int i, int j) => turned ? cost[(j * predictions) + i] : cost[(i * predictions) + j];
        double[] u = new double[n + 1], v = new double[m + 1];
        int[] rowOf = new int[m + 1], way = new int[m + 1];
        for (int i = 1; i <= n; i++)
        {
            rowOf[0] = i;
            int column = 0;
            double[] least = [.. Enumerable.Repeat(double.PositiveInfinity, m + 1)];
            bool[] used = new bool[m + 1];
            do
            {
                used[column] = true;
                int row = rowOf[column], next = 0;
                double delta = double.PositiveInfinity;
                for (int j = 1; j <= m; j++)
                {
                    if (!used[j])
                    {
                        double reduced = At(row - 1, j - 1) - u[row] - v[j];
                        (least[j], way[j]) = reduced < least[j] ? (reduced, column) : (least[j], way[j]);
                        (delta, next) = least[j] < delta ? (least[j], j) : (delta, next);
                    }
                }

                for (int j = 0; j <= m; j++)
                {
                    if (used[j])
                    {
                        u[rowOf[j]] += delta;
                        v[j] -= delta;
                    }
                    else
                    {
                        least[j] -= delta;
                    }
                }

                column = next;
            }
            while (rowOf[column] != 0);
            for (; column != 0; column = way[column])
            {
                rowOf[column] = rowOf[way[column]];
            }
        }

        return Enumerable.Range(1, m).Where(j => rowOf[j] > 0).Sum(j => At(rowOf[j] - 1, j - 1));
    }
}
