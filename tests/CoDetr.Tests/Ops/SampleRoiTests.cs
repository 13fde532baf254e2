using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class SampleRoiTests
{
    private const int Batch = 4;

    [Theory]
    [InlineData(60, 20, 5, -1)]
    [InlineData(60, 60, 0, -1)] // no positives wanted; more wanted than there are
    [InlineData(1500, 64, 32, 1.5f)]
    [InlineData(1500, 0, 0, -1)]
    public void ThoseWithTheSmallestKeysAreKept(int rows, int count, int mostPositive, float perPositive)
    {
        Random random = new(rows + count);
        int[] index =
        [
            .. Enumerable.Range(0, Batch * rows).Select(i => (i / rows) switch
            {
                0 => random.Next(-2, 3),
                1 => -1,
                2 => 2,
                _ => random.Next(20) == 0 ? 1 : -1,
            }),
        ];
        float[] positives = Keys(random, Batch * rows), negatives = Keys(random, Batch * rows);
        int[] expected = [.. Enumerable.Range(0, Batch).SelectMany(b => Chosen(
            index[(b * rows)..((b + 1) * rows)], positives[(b * rows)..], negatives[(b * rows)..], count, mostPositive, perPositive))];
        foreach (int workers in new[] { 1, 2, 3, 7 })
        {
            using DeviceUnderTest device = new(workers);
            using StepScope scope = StepScope.Begin();
            Assert.Equal(expected, Tensor.From(index, [Batch, rows], device).SampleRandom(
                Tensor.From(positives, [Batch, rows], device), Tensor.From(negatives, [Batch, rows], device), count, mostPositive, perPositive).ToArray<int>());
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void ObjectsComeFirstAndPositivesBeforeBackground(int workers)
    {
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        Tensor proposals = Tensor.From<float>([.. Enumerable.Range(0, 24).Select(i => (float)i)], [2, 3, 4], device);
        Tensor truth = Tensor.From<float>([.. Enumerable.Range(0, 16).Select(i => 100f + i)], [2, 2, 4], device);
        (Tensor boxes, Tensor index) = proposals.PrependTruth(
            Tensor.From([3, 1], [2], device), Tensor.From([-1, 1, -2, -1, 0, 0], [2, 3], device), truth, Tensor.From([2, 0], [2], device));
        Assert.Equal([0, 1, -1, 1, -2, -2, -2, -1, -2, -2], index.ToArray<int>());
        Assert.Equal([0, 1, 1, -1, -2, -1, -2, -2, -2, -2], index.GatherSampled(boxes, 5).Index.ToArray<int>());
        Assert.Equal([4, 1], index.GatherSampled(boxes, 5).Counts.ToArray<int>());
        float[] expected = [100, 101, 102, 103, 104, 105, 106, 107, 4, 5, 6, 7, 0, 1, 2, 3, 0, 0, 0, 0, 12, 13, 14, 15, .. new float[16]];
        Assert.Equal(expected, index.GatherSampled(boxes, 5).Boxes.ToArray());
        Assert.Equal([2, 1], index.GatherSampled(boxes, 2).Counts.ToArray<int>()); // no room for more
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor index = Tensor.Zeros([2, 5], DType.I32), keys = Tensor.Zeros([2, 5]);
        Assert.Equal(
            "SampleRandom: negativeKeys must be [batch, rows] = [2, 5], got [5].",
            Assert.Throws<ShapeException>(() => index.SampleRandom(keys, Tensor.Zeros([5]), 4, 2)).Message);
        Assert.Equal(
            "SampleRandom: mostPositive must lie within 0 to 4, got 5.", Assert.Throws<ShapeException>(() => index.SampleRandom(keys, keys, 4, 5)).Message);
        Assert.Equal(
            "GatherSampled: boxes must be [batch, rows, 4] = [2, 5, 4], got [2, 5].",
            Assert.Throws<ShapeException>(() => index.GatherSampled(keys, 4)).Message);
    }

    /// <summary>Some of them equal.</summary>
    private static float[] Keys(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(i => i % 3 == 0 ? random.Next(4) / 4f : random.NextSingle())];

    private static int[] Chosen(int[] index, float[] positiveKeys, float[] negativeKeys, int count, int mostPositive, float perPositive)
    {
        int[] Kept(Func<int, bool> isMember, float[] keys, int wanted) =>
            [.. Enumerable.Range(0, index.Length).Where(c => isMember(index[c])).Select((c, rank) => (c, rank))
                .OrderBy(m => keys[m.rank]).ThenBy(m => m.rank).Take(wanted).Select(m => m.c)];
        int[] positives = Kept(k => k >= 0, positiveKeys, mostPositive);
        int wanted = count - positives.Length;
        wanted = perPositive >= 0 ? Math.Min(wanted, (int)(perPositive * Math.Max(positives.Length, 1))) : wanted;
        HashSet<int> kept = [.. positives, .. Kept(k => k == -1, negativeKeys, wanted)];
        return [.. index.Select((k, c) => kept.Contains(c) ? k : -2)];
    }
}
