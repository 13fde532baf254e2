using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class CenternessTests
{
    public static TheoryData<OpCase> Cases => [Case(1, 1), Case(2, 70), Case(3, 7), Case(2, 0)];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void OfKnownPlaces()
    {
        using StepScope scope = StepScope.Begin();
        Tensor priors = Tensor.From([-4f, -4, 4, 4, -3, -4, 5, 4, 6, -4, 14, 4, -4, -4, 4, 4], [4, 4]); // middles (0, 0), (1, 0), (10, 0), (0, 0)
        Tensor targets = Tensor.From([-4f, -2, 4, 2, -2, -1, 4, 1, -2, -1, 4, 1, 0, 0, 0, 0], [1, 4, 4]);
        Assert.Equal([1f, 1f, 0, 0], priors.CenternessTargets(targets, Tensor.From([1f, 1, 1, 1], [1, 4])).ToArray());
        Tensor beside = Tensor.From([-3f, -4, 4, 2, -2, -1, 4, 1, -2, -1, 4, 1, 0, 0, 0, 0], [1, 4, 4]);
        Assert.Equal([MathF.Sqrt(3f / 4 * (2f / 4)), 0, 0, 0], priors.CenternessTargets(beside, Tensor.From([1f, 0, 1, 1], [1, 4])).ToArray());
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "CenternessTargets: positive must be [batch, rows] = [2, 3], got [3].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([3, 4]).CenternessTargets(Tensor.Zeros([2, 3, 4]), Tensor.Zeros([3]))).Message);

    private static OpCase Case(int batch, int rows) => new(
        $"{batch}×{rows}",
        [[rows, 4], [batch, rows, 4], [batch, rows]],
        t => t[0].ToCorners().CenternessTargets(t[1].ToCorners(), t[2]),
        v => [.. Enumerable.Range(0, batch * rows).Select(i =>
        {
            (double x, double y, int box) = (v[0][i % rows * 4], v[0][(i % rows * 4) + 1], i * 4);
            (double w, double h, double dx, double dy) = (v[1][box + 2] / 2, v[1][box + 3] / 2, Math.Abs(x - v[1][box]), Math.Abs(y - v[1][box + 1]));
            return v[2][i] > 0 && dx < w && dy < h ? Math.Sqrt((w - dx) / (w + dx) * ((h - dy) / (h + dy))) : 0;
        })])
    {
        HasHalf = false,
        IsDifferentiable = false,
        Adapt = (i, x) => i == 2 ? (x > -0.5 ? 1 : 0) : 1.5 + (0.5 * x),
        Tolerance = 1e-4, // next to a side two near numbers are subtracted
    };
}
