using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class TopKTests
{
    public static TheoryData<OpCase> Cases => [Case(3, 40, 7), Case(2, 5, 5), Case(1, 1, 1), Case(4, 9, 0), Case(0, 9, 2)];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Theory]
    [InlineData(300_000, 1500, 0), InlineData(300_000, 900, 50), InlineData(1000, 999, 3), InlineData(1000, 1000, 2), InlineData(77, 30, 1)]
    public void FindsWhatSortingFinds(int n, int k, int distinct)
    {
        // With `distinct` values only, most of them tie.
        Random random = new(5);
        float[] values = [.. Enumerable.Range(0, 2 * n).Select(_ => distinct == 0 ? (float)((4 * random.NextDouble()) - 3) : random.Next(distinct) - (distinct / 2))];
        Verify(values, n, k);
    }

    [Fact]
    public void EveryKindOfNumberHasItsPlace()
    {
        float[] values = [float.NaN, 0f, -0f, float.NegativeInfinity, 1e-45f, float.PositiveInfinity, -1f, float.NaN, float.MinValue, -1e-45f, float.NegativeInfinity, float.MaxValue];
        for (int k = 1; k <= values.Length; k++)
        {
            Verify(values, values.Length, k);
            Verify([.. values.Select(v => -v)], values.Length, k);
        }

        Verify([float.NaN, float.NaN, float.NaN], 3, 2);
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "TopK: k must lie within 0 to 3, got 4.", Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 3]).TopK(4)).Message);

    private static void Verify(float[] values, int n, int k)
    {
        using StepScope scope = StepScope.Begin();
        (Tensor largest, Tensor places) = Tensor.From(values, [values.Length / n, n]).TopK(k);
        for (int row = 0; row < values.Length / n; row++)
        {
            float[] line = values[(row * n)..((row + 1) * n)];
            int[] expected = [.. Enumerable.Range(0, n).OrderBy(i => float.IsNaN(line[i])).ThenByDescending(i => line[i] == 0 ? 0 : line[i]).Take(k)];
            Assert.Equal(expected, places.ToArray<int>()[(row * k)..((row + 1) * k)]);
            Assert.Equal(expected.Select(i => line[i]), largest.ToArray()[(row * k)..((row + 1) * k)]);
        }
    }

    private static OpCase Case(int rows, int n, int k) => new(
        $"{k} of {rows}×{n}",
        [[rows, n]],
        t => t[0].TopK(k).Values,
        v => [.. v[0].Chunk(n).SelectMany(row => row.OrderDescending().Take(k))])
    { IsDistinct = true };
}
