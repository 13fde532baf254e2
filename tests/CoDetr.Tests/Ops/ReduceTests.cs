using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class ReduceTests
{
    private static readonly (Shape Shape, int Axis)[] Views = [([3, 5, 7], 0), ([3, 5, 7], 1), ([3, 5, 7], -1), ([4, 1, 300], 1), ([700, 3], 0), ([2, 0, 3], 1), ([9], 0)];

    public static TheoryData<OpCase> Cases =>
    [
        .. from view in Views select Case("sum", view.Shape, view.Axis, (x, axis) => x.Sum(axis), values => values.Sum()),
        .. from view in Views where view.Shape.Count > 0 select Case("mean", view.Shape, view.Axis, (x, axis) => x.Mean(axis), values => values.Average()),
        .. from view in Views where view.Shape.Count > 0 select Case("max", view.Shape, view.Axis, (x, axis) => x.Max(axis), values => values.Max()),
        new OpCase("sum of all", [[7, 11]], t => t[0].SumAll(), v => [v[0].Sum()]),
        new OpCase("mean of all", [[7, 11]], t => t[0].MeanAll(), v => [v[0].Average()]),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void ALongSumKeepsItsDigits()
    {
        using StepScope scope = StepScope.Begin();
        float[] values = [.. Enumerable.Range(0, 1_000_000).Select(i => 0.1f + (i % 3))];
        double expected = values.Sum(v => (double)v);
        Assert.Equal(1, Tensor.From(values).SumAll().ToScalar() / expected, 5e-6); // one after another it would be off by 7e-4
        Tensor columns = Tensor.From(values, [500_000, 2]).Sum(0);
        Assert.Equal(1, columns.ToArray().Sum(v => (double)v) / expected, 2e-6);
    }

    [Theory]
    [InlineData(0), InlineData(1)]
    public void TheFirstOfEqualOnesIsTheLargest(int axis)
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From([3f, float.NaN, 3f, 5f, 5f, 1f, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity], [3, 3]);
        x = axis == 1 ? x : x.Transpose(0, 1);
        Assert.Equal([0, 0, 0], x.ArgMax(axis).ToArray<int>());
        Assert.Equal([3f, 5f, float.NegativeInfinity], x.Max(axis).ToArray());
    }

    [Fact]
    public void NamesAnAxisThatIsMissing() => Assert.Equal("[2, 3] has no axis 2.", Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 3]).Sum(2)).Message);

    [Fact]
    public void RefusesTheLargestOfNothing() => Assert.Equal(
        "Max: axis 1 of [2, 0] is empty.", Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 0]).Max(-1)).Message);

    private static OpCase Case(string name, Shape shape, int axis, Func<Tensor, int, Tensor> op, Func<double[], double> reference) =>
        new($"{name} of {shape} over {axis}", [shape], t => op(t[0], axis), v => [.. Lines.Of(v[0], shape, axis).Select(reference)]);
}
