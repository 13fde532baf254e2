using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class IntegralTests
{
    public static TheoryData<OpCase> Cases => [Case([5, 4, 17]), Case([3, 1]), Case([2, 70]), Case([0, 17])];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void LargeLogitsStayFinite()
    {
        using StepScope scope = StepScope.Begin();
        Assert.Equal([1f, 1], Tensor.From([-300f, 300, 0, 200, 200, 200], [2, 3]).Integral().ToArray());
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "Integral: logits must be [..., bins], got F32[3, 0].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([3, 0]).Integral()).Message);

    private static OpCase Case(int[] shape) => new(
        $"[{string.Join(", ", shape)}]",
        [Shape.Create(shape)],
        t => t[0].Integral(),
        v => [.. v[0].Chunk(shape[^1]).Select(row => row.Select((x, c) => c * Math.Exp(x)).Sum() / row.Sum(Math.Exp))])
    {
        Adapt = (_, x) => 2 * x,
    };
}
