using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class OptimizerTests
{
    private const int Blocks = 1400; // more than two runs of the norm

    [Fact]
    public void AdamWAgreesWithDoublePrecisionForAnyNumberOfWorkers()
    {
        double[][] expected = Reference(steps: 3, adam: true);
        float[]? bits = null;
        foreach (int workers in new[] { 1, 2, 3, 7 })
        {
            float[] found = Run(workers, steps: 3, adam: true);
            Close(expected[0], found, 1e-6);
            bits ??= found;
            Assert.Equal(bits, found);
        }
    }

    [Fact]
    public void SgdAgreesWithDoublePrecision() => Close(Reference(steps: 3, adam: false)[0], Run(2, steps: 3, adam: false), 1e-6);

    [Fact]
    public void TheNormIsTheSameForAnyNumberOfWorkers()
    {
        float[] x = Numbers(5, 3);
        double exact = Math.Sqrt(x.Sum(v => (double)v * v));
        float[] norms = [.. new[] { 1, 2, 3, 7 }.Select(workers =>
        {
            using DeviceUnderTest device = new(workers);
            return Tensor.From(x, [x.Length], device).GlobalNorm().ToScalar();
        })];
        Assert.All(norms, norm => Assert.Equal(norms[0], norm));
        Assert.Equal(exact, norms[0], exact * 1e-6);
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(7)]
    public void AveragesMoveTheirShareOfTheWayUnlessTheStepIsBroken(int workers)
    {
        using DeviceUnderTest device = new(workers);
        float[] x = Numbers(1, 400), y = Numbers(2, 100);
        Tensor values = Tensor.From(x, [x.Length], device), averages = Tensor.From(y, [y.Length], device);
        Tensor numbers = new UpdateNumbers(1e-2, AverageShare: 0.25).Upload(device);
        averages.AverageInPlace(values, numbers, Tensor.From([float.NaN], [1], device));
        Assert.Equal(y, averages.ToArray());

        averages.AverageInPlace(values, numbers, Tensor.From([3f], [1], device));
        Assert.All(averages.ToArray().Zip(y.Zip(x, (a, b) => a + (0.25f * (b - a)))), pair => Assert.Equal(pair.Second, pair.First, 1e-4f));
    }

    [Fact]
    public void AnUpdateLeavesNoGradientBehind()
    {
        using DeviceUnderTest device = new(2);
        (Tensor p, Tensor g, Tensor m, Tensor v, Tensor rates) = Buffers(device);
        p.AdamWInPlace(g, m, v, rates, new AdamWSettings(1e-3), 1);
        Assert.All(g.ToArray(), value => Assert.Equal(0f, value));
    }

    [Fact]
    public void NamesWhatDoesNotFit()
    {
        Tensor p = Tensor.Zeros([64]), rates = Tensor.Zeros([1, 2]);
        string message = Assert.Throws<ShapeException>(() => p.SgdInPlace(Tensor.Zeros([64]), Tensor.Zeros([64]), rates, new UpdateNumbers(0.1).Upload(p.Device), 0, 0)).Message;
        Assert.Equal("SgdInPlace: rates must be [2, 2], got [1, 2].", message);
    }

    private static float[] Numbers(int seed, double size)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, Blocks * OptimizerOp.Block).Select(_ => (float)((random.NextDouble() - 0.5) * size))];
    }

    private static float[] Rates() => [.. Enumerable.Range(0, Blocks).SelectMany(b => new[] { b % 3 == 0 ? 0.1f : 1f, b % 5 == 0 ? 0f : 1f })];

    private static (Tensor P, Tensor G, Tensor M, Tensor V, Tensor Rates) Buffers(Device device)
    {
        Shape shape = [Blocks * OptimizerOp.Block];
        return (Tensor.From(Numbers(1, 2), shape, device), Tensor.From(Numbers(2, 1), shape, device), Tensor.Zeros(shape, device: device),
            Tensor.Zeros(shape, device: device), Tensor.From(Rates(), [Blocks, 2], device));
    }

    private static float[] Run(int workers, int steps, bool adam)
    {
        using DeviceUnderTest device = new(workers);
        (Tensor p, Tensor g, Tensor m, Tensor v, Tensor rates) = Buffers(device);
        for (int step = 1; step <= steps; step++)
        {
            g.Set<float>(Numbers(1 + step, 1));
            Tensor norm = g.GlobalNorm();
            if (adam)
            {
                p.AdamWInPlace(g, m, v, rates, new AdamWSettings(1e-2, 0.05), step, norm, 0.1f);
            }
            else
            {
                p.SgdInPlace(g, m, rates, new UpdateNumbers(1e-2).Upload(device), 0.05, 0.9f, norm, 0.1f);
            }
        }

        return p.ToArray();
    }

    private static double[][] Reference(int steps, bool adam)
    {
        double[] p = [.. Numbers(1, 2).Select(x => (double)x)], m = new double[p.Length], v = new double[p.Length];
        float[] rates = Rates();
        for (int step = 1; step <= steps; step++)
        {
            double[] g = [.. Numbers(1 + step, 1).Select(x => (double)x)];
            double scale = Math.Min(1, 0.1 / (Math.Sqrt(g.Sum(x => x * x)) + 1e-6));
            for (int i = 0; i < p.Length; i++)
            {
                double lr = 1e-2 * rates[i / 32 * 2], decay = 0.05 * rates[(i / 32 * 2) + 1], d = g[i] * scale;
                if (adam)
                {
                    m[i] = (0.9 * m[i]) + (0.1 * d);
                    v[i] = (0.999 * v[i]) + (0.001 * d * d);
                    double root = Math.Sqrt(v[i]) / Math.Sqrt(1 - Math.Pow(0.999, step));
                    p[i] = (p[i] * (1 - (lr * decay))) - (lr / (1 - Math.Pow(0.9, step)) * m[i] / (root + 1e-8));
                }
                else
                {
                    m[i] = (0.9 * m[i]) + d + (decay * p[i]);
                    p[i] -= lr * m[i];
                }
            }
        }

        return [p, m, v];
    }

    private static void Close(double[] expected, float[] found, double tolerance)
    {
        double worst = expected.Zip(found, (e, f) => Math.Abs(e - f)).Max();
        Assert.True(worst <= tolerance, $"off by {worst}");
    }
}
