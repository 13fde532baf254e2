using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class LevelTopTests
{
    private const int Batch = 2, Classes = 3;
    private static readonly int[] Sizes = [70, 9, 1];
    private static readonly int Rows = Sizes.Sum();

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(7)]
    public void TheBestRowsOfEachLevelInOrder(int workers)
    {
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        float[] numbers = Numbers(Batch * Rows);
        int[] expected = [.. Enumerable.Range(0, Batch).SelectMany(b => Best(numbers.AsSpan(b * Rows, Rows).ToArray(), 1, 20))];
        Assert.Equal(expected, Tensor.From(numbers, [Batch, Rows], device).LevelTopRows(Sizes, 20).ToArray<int>());
    }

    [Theory, InlineData(1, true), InlineData(2, false), InlineData(3, true), InlineData(7, true)]
    public void TheBestPairsOfEachLevelAsCandidates(int workers, bool hasQuality)
    {
        const float Threshold = 0.2f;
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        float[] scores = Numbers(Batch * Rows * Classes), quality = Numbers(Batch * Rows), boxes = [.. Enumerable.Range(0, Batch * Rows * 4).Select(i => (float)i)];
        (Tensor corners, Tensor found, Tensor labels) = Tensor.From(scores, [Batch, Rows, Classes], device).LevelTopPairs(
            Tensor.From(boxes, [Batch, Rows, 4], device), hasQuality ? Tensor.From(quality, [Batch, Rows, 1], device) : null, Sizes, 30, Threshold);
        int[] pairs = [.. Enumerable.Range(0, Batch).SelectMany(b =>
            Best(scores.AsSpan(b * Rows * Classes, Rows * Classes).ToArray(), Classes, 30).Select(pair => (b * Rows * Classes) + pair))];
        Assert.Equal([Batch, 30 + 27 + 3], found.Shape);
        Assert.Equal(pairs.Select(p => p % Classes), labels.ToArray<int>());
        Assert.Equal(pairs.SelectMany(p => boxes[(p / Classes * 4)..((p / Classes * 4) + 4)]), corners.ToArray());
        Assert.Equal(
            pairs.Select(p => scores[p] > Threshold ? scores[p] * (hasQuality ? quality[p / Classes] : 1) : float.NegativeInfinity), found.ToArray());
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Assert.Equal(
            "LevelTopRows: levels of 4 + 1 rows are not 6 rows.",
            Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 6]).LevelTopRows([4, 1], 3)).Message);
        Assert.Equal(
            "LevelTopPairs: boxes must be [batch, rows, 4] = [2, 6, 4], got [2, 5, 4].",
            Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 6, 3]).LevelTopPairs(Tensor.Zeros([2, 5, 4]), null, [6], 3, 0)).Message);
    }

    private static float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(i => i * 37 % 251 / 251f)];

    /// <summary>Places of the largest of each level, over all levels; of equal ones the first.</summary>
    private static IEnumerable<int> Best(float[] numbers, int each, int most)
    {
        int first = 0;
        foreach (int size in Sizes)
        {
            foreach (int place in Enumerable.Range(first * each, size * each).OrderByDescending(i => numbers[i]).Take(most))
            {
                yield return place;
            }

            first += size;
        }
    }
}
