using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class StochasticDepthTests
{
    private static readonly float[] Draws = [0.25f, 0.2f, 0.9f];

    public static TheoryData<OpCase> Cases => [Case(7, 0.25f), Case(5000, 0.21f), Case(1, 0)];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor x = Tensor.Zeros([2, 3]);
        Assert.Equal(
            "StochasticDepth: draws must be [batch] = [2], got [3].", Assert.Throws<ShapeException>(() => x.StochasticDepth(x, Tensor.Zeros([3]), 0.5f)).Message);
        Assert.Equal(
            "StochasticDepth: the rate must lie in [0, 1), got 1.", Assert.Throws<ShapeException>(() => x.StochasticDepth(x, Tensor.Zeros([2]), 1)).Message);
    }

    private static OpCase Case(int inner, float rate) => new(
        $"3×{inner}, rate {rate}",
        [[3, inner], [3, inner]],
        t => t[0].StochasticDepth(t[1], Tensor.From(Draws, [3], t[0].Device).Cast(t[0].DType.Sums), rate),
        v => [.. v[0].Select((x, i) => x + (Draws[i / inner] < rate ? 0 : v[1][i] / (1 - (double)rate)))])
    { IsDifferentiable = inner < 1000 };
}
