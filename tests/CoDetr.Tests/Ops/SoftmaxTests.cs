using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class SoftmaxTests
{
    private static readonly (Shape Shape, int Axis)[] Views =
        [([7, 13], -1), ([5, 4], -1), ([9, 8], -1), ([3, 12], -1), ([33, 16], -1), ([2, 20], -1), ([2, 32], -1), ([2, 300], -1), ([3, 1], -1), ([3, 5, 2], 1), ([0, 4], -1)];

    public static TheoryData<OpCase> Cases =>
    [
        .. from view in Views select Case("softmax", view.Shape, view.Axis, (x, axis) => x.Softmax(axis), Softmax),
        .. from view in Views select Case("log softmax", view.Shape, view.Axis, (x, axis) => x.LogSoftmax(axis), x => [.. Softmax(x).Select(v => Math.Log(v))]),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void NeitherOverflowsNorForgetsBlockedOnes()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From(1e4f, 1e4f, float.NegativeInfinity);
        Assert.Equal([0.5f, 0.5f, 0f], x.Softmax().ToArray());
        Assert.Equal([-MathF.Log(2), -MathF.Log(2), float.NegativeInfinity], x.LogSoftmax().ToArray());
    }

    [Fact]
    public void NamesAnAxisThatIsMissing() => Assert.Equal("[2, 3] has no axis 3.", Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 3]).Softmax(3)).Message);

    private static OpCase Case(string name, Shape shape, int axis, Func<Tensor, int, Tensor> op, Func<double[], double[]> reference) => new(
        $"{name} of {shape} along {axis}", [shape], t => op(t[0], axis), v => Lines.Join(Lines.Of(v[0], shape, axis).Select(reference), shape, axis))
    {
        Adapt = (_, x) => 3 * x,
    };

    private static double[] Softmax(double[] x)
    {
        double[] powers = [.. x.Select(v => Math.Exp(v - x.Max()))];
        return [.. powers.Select(v => v / powers.Sum())];
    }
}
