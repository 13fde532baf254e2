using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class LinearTests
{
    public static TheoryData<OpCase> Cases =>
    [
        Case([5, 7], 3, Activation.None, false), Case([2, 9, 8], 17, Activation.Relu, false), Case([6, 4], 16, Activation.Relu, true),
        Case([3, 2, 5], 1, Activation.None, true), Case([4, 6], 5, Activation.Gelu, false), Case([3, 4], 5, Activation.Silu, true),
        Case([0, 4], 2, Activation.Relu, false), Case([700, 3], 4, Activation.Relu, false),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "Linear: bias must be [outputs] = [3], got [4].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 5]).Linear(Tensor.Zeros([3, 5]), Tensor.Zeros([4]))).Message);

    [Fact]
    public void NeedsNoBias()
    {
        using StepScope scope = StepScope.Begin();
        Tensor weight = Tensor.From<float>([1, 2, 3, 4], [2, 2]);
        weight.RequiresGrad = true;
        Tensor y = Tensor.From<float>([5, 6], [1, 2]).Linear(weight);
        y.Backward(Tensor.From<float>([1, 10], [1, 2]));
        Assert.Equal([5, 6, 50, 60], weight.Grad!.ToArray());
    }

    private static OpCase Case(int[] shape, int outputs, Activation activation, bool residual) => new(
        $"[{string.Join(", ", shape)}] to {outputs} {activation} {(residual ? "residual" : "")}",
        [Shape.Create(shape), [outputs, shape[^1]], [outputs], .. residual ? [Shape.Create([.. shape[..^1], outputs])] : Array.Empty<Shape>()],
        t => t[0].Linear(t[1], t[2], activation, t.Length > 3 ? t[3] : null),
        v => Reference(v[0], v[1], v[2], activation, residual ? v[3] : null))
    { HasDouble = false, AlwaysF32 = [1, 2] };

    private static double[] Reference(double[] x, double[] weight, double[] bias, Activation activation, double[]? residual)
    {
        int outputs = bias.Length, inputs = weight.Length / outputs;
        double[] y = new double[x.Length / inputs * outputs];
        for (int i = 0; i < y.Length; i++)
        {
            (int row, int o) = (i / outputs, i % outputs);
            double sum = bias[o] + (residual?[i] ?? 0);
            for (int c = 0; c < inputs; c++)
            {
                sum += x[(row * inputs) + c] * weight[(o * inputs) + c];
            }

            y[i] = activation switch
            {
                Activation.Relu => Math.Max(sum, 0),
                Activation.Gelu => sum * ElementwiseTests.Normal(sum),
                Activation.Silu => sum / (1 + Math.Exp(-sum)),
                _ => sum,
            };
        }

        return y;
    }
}
