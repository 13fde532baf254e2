using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class RegionsTests
{
    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(7)]
    public void BoxesWithoutAreaLoseTheirScore(int workers)
    {
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        Tensor boxes = Tensor.From([1f, 2, 3, 4, 1, 2, 1, 4, 1, 2, 3, 2, 3, 2, 1, 4, 0, 0, 0, 0, float.NaN, 0, 5, 5], [2, 3, 4], device);
        float[] scores = Tensor.From([0.5f, 0.6f, 0.7f, 0.8f, 0.9f, 1], [2, 3], device).UnlessEmpty(boxes).ToArray();
        Assert.Equal([0.5f, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity], scores);
    }

    [Theory]
    [InlineData(2000, new[] { 4, 3 }, 3)]
    [InlineData(2, new[] { 4, 3 }, 2)]
    [InlineData(2000, new[] { 9, 0 }, 0)]
    [InlineData(2000, new[] { 9, 9 }, 5)]
    public void EachPictureKeepsAsManyAsTheOneWithFewest(int most, int[] counts, int kept)
    {
        int[] index = [1, 0, -1, -1, -2, 0, 0, 0, -1, -1], expected = [.. index.Select((k, i) => i % 5 < kept ? k : -2)];
        foreach (int workers in new[] { 1, 2, 3, 7 })
        {
            using DeviceUnderTest device = new(workers);
            using StepScope scope = StepScope.Begin();
            Assert.Equal(expected, Tensor.From(index, [2, 5], device).KeepFirst(Tensor.From(counts, [2], device), most).ToArray<int>());
        }
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Assert.Equal(
            "UnlessEmpty: boxes must be [..., 4] = [2, 3, 4], got [2, 4, 4].",
            Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 3]).UnlessEmpty(Tensor.Zeros([2, 4, 4]))).Message);
        Assert.Equal(
            "KeepFirst: counts must be [batch] = [2], got [3].",
            Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 3], DType.I32).KeepFirst(Tensor.Zeros([3], DType.I32), 5)).Message);
    }
}
