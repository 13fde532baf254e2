using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class BoxesTests
{
    public static TheoryData<OpCase> Cases =>
    [
        new OpCase("to corners", [[3, 5, 4]], t => t[0].ToCorners(), v => Corners(v[0])) { HasHalf = false },
        new OpCase("to centers", [[7, 4]], t => t[0].ToCenters(), v => Centers(v[0])) { HasHalf = false },
        new OpCase("no boxes", [[0, 4]], t => t[0].ToCenters(), v => Centers(v[0])) { HasHalf = false },
        InverseSigmoid(1e-5f), InverseSigmoid(1e-3f),
    ];

    public static TheoryData<OpCase> Overlaps => [.. Enum.GetValues<Overlap>().SelectMany(o => new[] { Pairwise(o, 1, 7, 3), Pairwise(o, 2, 2, 40), Aligned(o) })];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Theory, MemberData(nameof(Overlaps), DisableDiscoveryEnumeration = true)]
    public void OverlapsAgree(OpCase op) => op.Verify();

    [Fact]
    public void InverseSigmoidOfTheEnds()
    {
        using StepScope scope = StepScope.Begin();
        float end = MathF.Log(1e-3f);
        float[] y = Tensor.From(-1f, 0f, 0.5f, 1f, 2f).InverseSigmoid(1e-3f).ToArray();
        Assert.All(y.Zip([end, end, 0f, -end, -end]), p => Assert.Equal(p.Second, p.First, 5));
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "PairwiseOverlap: others must be [2, 3, 4], got [3, 4].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 5, 4]).PairwiseOverlap(Tensor.Zeros([3, 4]))).Message);

    private static OpCase InverseSigmoid(float epsilon) => new(
        $"inverse sigmoid, {epsilon}",
        [[65]],
        t => t[0].InverseSigmoid(epsilon),
        v => [.. v[0].Select(x => Math.Clamp(x, 0, 1)).Select(x => Math.Log(Math.Max(x, epsilon) / Math.Max(1 - x, epsilon)))])
    {
        Adapt = (_, x) => 0.5 + (0.3 * x),
        HasHalf = false,
        GradientTolerance = 1e-4,
    };

    private static OpCase Pairwise(Overlap overlap, int batch, int rows, int columns) => new(
        $"pairwise {overlap}, {batch}×{rows}×{columns}",
        [[batch, rows, 4], [batch, columns, 4]],
        t => t[0].ToCorners().Detach().PairwiseOverlap(t[1].ToCorners().Detach(), overlap),
        v => [.. Enumerable.Range(0, batch * rows * columns).Select(i => Of(overlap, Box(Corners(v[0]), i / columns), Box(Corners(v[1]), (i / columns / rows * columns) + (i % columns))))])
    {
        HasHalf = false,
        IsDifferentiable = false,
        Adapt = (_, x) => 1.5 + x,
    };

    private static OpCase Aligned(Overlap overlap) => new(
        $"aligned {overlap}",
        [[3, 11, 4], [3, 11, 4]],
        t => t[0].ToCorners().AlignedOverlap(t[1].ToCorners(), overlap),
        v => [.. Enumerable.Range(0, 33).Select(i => Of(overlap, Box(Corners(v[0]), i), Box(Corners(v[1]), i)))])
    {
        HasHalf = false,
        IsDifferentiable = false,
        Adapt = (_, x) => 1.5 + x,
    };

    private static double[] Box(double[] boxes, int index) => boxes[(4 * index)..((4 * index) + 4)];

    private static double[] Corners(double[] x) =>
        [.. x.Select((_, i) => i % 4 < 2 ? x[i] - (x[i + 2] / 2) : x[i - 2] + (x[i] / 2))];

    private static double[] Centers(double[] x) =>
        [.. x.Select((_, i) => i % 4 < 2 ? (x[i] + x[i + 2]) / 2 : x[i] - x[i - 2])];

    private static double Of(Overlap overlap, double[] a, double[] b)
    {
        const double Epsilon = 1e-6f;
        double Area(double[] c) => (c[2] - c[0]) * (c[3] - c[1]);
        double both = Math.Max(0, Math.Min(a[2], b[2]) - Math.Max(a[0], b[0])) * Math.Max(0, Math.Min(a[3], b[3]) - Math.Max(a[1], b[1]));
        double either = Math.Max(Epsilon, Area(a) + Area(b) - both);
        double hull = Math.Max(0, Math.Max(a[2], b[2]) - Math.Min(a[0], b[0])) * Math.Max(0, Math.Max(a[3], b[3]) - Math.Min(a[1], b[1]));
        return overlap switch
        {
            Overlap.IoU => both / either,
            Overlap.IoF => both / Math.Max(Epsilon, Area(a)),
            _ => (both / either) - ((Math.Max(Epsilon, hull) - either) / Math.Max(Epsilon, hull)),
        };
    }
}
