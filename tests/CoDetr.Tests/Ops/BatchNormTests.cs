using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class BatchNormTests
{
    public static TheoryData<OpCase> Cases =>
    [
        Case([2, 3, 4, 5], training: true), Case([3, 4, 2, 3], training: true, relu: true), Case([2, 2, 3, 4], training: true, relu: true, residual: true),
        Case([2, 3, 4, 5], training: false), Case([2, 3, 2, 7], training: false, relu: true, residual: true), Case([2, 4, 3], training: true, residual: true),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void MovesTheRunningStatistics()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From<float>([1, 2, 3, 6], [4, 1]), mean = Tensor.From(10f), variance = Tensor.From(20f);
        x.BatchNorm(Tensor.From(1f), Tensor.From(0f), mean, variance, training: true);
        Assert.Equal(10 + (0.1f * (3 - 10)), mean.ToScalar(), 1e-6f);
        Assert.Equal(20 + (0.1f * ((14f / 3) - 20)), variance.ToScalar(), 1e-6f);
    }

    [Fact]
    public void KeepsDigitsBesideALargeMean()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From<float>([.. Enumerable.Range(0, 20000).Select(i => 10000f + (i % 2))], [20000, 1]);
        float[] y = x.BatchNorm(Tensor.From(1f), Tensor.From(0f), Tensor.From(0f), Tensor.From(1f), training: true, epsilon: 0).ToArray();
        Assert.All(y, (v, i) => Assert.Equal(i % 2 == 0 ? -1 : 1, v, 1e-3f));
    }

    private static OpCase Case(int[] shape, bool training, bool relu = false, bool residual = false)
    {
        int channels = shape[^1];
        double[] mean = [.. Enumerable.Range(0, channels).Select(c => 0.25 * c)], variance = [.. Enumerable.Range(0, channels).Select(c => 0.5 + c)];
        return new OpCase(
            $"[{string.Join(", ", shape)}] {(training ? "training" : "frozen")} {(relu ? "relu" : "")} {(residual ? "residual" : "")}",
            [Shape.Create(shape), [channels], [channels], .. residual ? [Shape.Create(shape)] : Array.Empty<Shape>()],
            t => t[0].BatchNorm(
                t[1], t[2], Constant(t[0], mean), Constant(t[0], variance), training, activation: relu ? Activation.Relu : Activation.None,
                residual: residual ? t[3] : null),
            v => Reference(v[0], v[1], v[2], training ? null : mean, variance, relu, residual ? v[3] : null))
        { AlwaysF32 = [1, 2] };
    }

    private static Tensor Constant(Tensor like, double[] values) => like.DType == DType.F64
        ? Tensor.From(values, [values.Length], like.Device)
        : Tensor.From<float>([.. values.Select(v => (float)v)], [values.Length], like.Device);

    private static double[] Reference(double[] x, double[] weight, double[] bias, double[]? mean, double[] variance, bool relu, double[]? residual)
    {
        int channels = weight.Length;
        double[] y = new double[x.Length];
        for (int c = 0; c < channels; c++)
        {
            double[] values = [.. x.Where((_, i) => i % channels == c)];
            double m = mean?[c] ?? values.Average(), v = mean is null ? values.Average(value => (value - m) * (value - m)) : variance[c];
            for (int i = c; i < x.Length; i += channels)
            {
                y[i] = ((x[i] - m) / Math.Sqrt(v + 1e-5f) * weight[c]) + bias[c] + (residual?[i] ?? 0);
                y[i] = relu ? Math.Max(y[i], 0) : y[i];
            }
        }

        return y;
    }
}
