using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class PairsTests
{
    [Fact]
    public void TakesPlacesApart()
    {
        using DeviceUnderTest device = new(2);
        using StepScope scope = StepScope.Begin();
        (Tensor rows, Tensor columns) = Tensor.From([0, 6, 7, 20_000_003, -1, -9], [2, 3], device).SplitPairs(7);
        Assert.Equal([0, 0, 1, 2857143, -1, -1], rows.ToArray<int>());
        Assert.Equal([0, 6, 0, 2, -1, -1], columns.ToArray<int>());
        Assert.Equal([2, 3], rows.Shape);
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Assert.Equal("SplitPairs: place must be I32, got F32.", Assert.Throws<ShapeException>(() => Tensor.Zeros([2]).SplitPairs(2)).Message);
        Assert.Equal(
            "SplitPairs: a matrix has at least one column, got 0.", Assert.Throws<ShapeException>(() => Tensor.Zeros([2], DType.I32).SplitPairs(0)).Message);
    }
}
