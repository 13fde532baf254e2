using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class Conv2dTests
{
    public static TheoryData<OpCase> Cases =>
    [
        Case([2, 5, 6, 3], [4, 3, 3, 3], new() { Padding = 1 }),
        Case([1, 7, 6, 4], [6, 3, 3, 2], new() { Padding = 1, Stride = 2, Groups = 2 }, bias: true),
        Case([2, 4, 3, 5], [3, 1, 1, 5], new(), bias: true, residual: true, relu: true),
        Case([1, 6, 7, 2], [3, 3, 2, 2], new() { Padding = (2, 1), Dilation = 2, Stride = (1, 2) }, bias: true, scale: true, relu: true),
        Case([1, 5, 5, 3], [2, 3, 3, 3], new() { Padding = 1 }, bias: true, scale: true, residual: true, relu: true),
        Case([1, 4, 4, 3], [3, 3, 3, 1], new() { Padding = 1, Groups = 3 }),
        Case([1, 5, 4, 2], [3, 1, 1, 2], new() { Stride = 2 }, scale: true),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "Conv2d: x must have 4 (channels / groups) × 1 channels, got [1, 5, 5, 3].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([1, 5, 5, 3]).Conv2d(Tensor.Zeros([2, 3, 3, 4]))).Message);

    [Theory, InlineData(DType.F16), InlineData(DType.BF16)]
    public void PredictionsOfShortMapsAreNotRounded(DType real)
    {
        Assert.SkipWhen(Device.Default is CpuDevice, "The CPU stores f32 only; a GPU, or the soft one: CODETR_CUDA_DRIVER.");
        using StepScope scope = StepScope.Begin();
        Tensor map = Tensor.From([.. Enumerable.Range(0, 2 * 4 * 5 * 8).Select(i => (i * 37 % 101 / 50f) - 1)], [2, 4, 5, 8], real);
        Tensor weight = Tensor.From([.. Enumerable.Range(0, 3 * 9 * 8).Select(i => ((i * 29 % 97) - 48) / 64f)], [3, 3, 3, 8]); // exact in either type
        (Tensor whole, Tensor same, Tensor upstream) = (map.Cast(DType.F32), weight + 0, Tensor.From([.. Enumerable.Range(0, 2 * 4 * 5 * 3).Select(i => (float)(i % 7) - 3)], [2, 4, 5, 3]));
        Array.ForEach([map, whole, weight, same], tensor => tensor.RequiresGrad = true);
        Tensor y = map.Conv2d(weight, new() { Padding = 1, Output = DType.F32 }), expected = whole.Conv2d(same, new() { Padding = 1 });
        Assert.Equal(DType.F32, y.DType);
        Assert.All(expected.ToArray().Zip(y.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        y.Backward(upstream);
        expected.Backward(upstream);
        Assert.Equal(real, map.Grad!.DType);
        Assert.All(whole.Grad!.ToArray().Zip(map.Grad.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 0.2f));
        Assert.All(same.Grad!.ToArray().Zip(weight.Grad!.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-3f));
    }

    private static OpCase Case(int[] map, int[] kernel, Convolution c, bool bias = false, bool scale = false, bool residual = false, bool relu = false)
    {
        int outputs = kernel[0];
        Shape output = [map[0], Places(map[1], kernel[1], c.Stride.Height, c.Padding.Height, c.Dilation.Height),
            Places(map[2], kernel[2], c.Stride.Width, c.Padding.Width, c.Dilation.Width), outputs];
        double[]? scales = scale ? [.. Enumerable.Range(0, outputs).Select(o => 0.5 + (0.25 * o))] : null;
        Shape[] inputs = [Shape.Create(map), Shape.Create(kernel), .. bias ? [[outputs]] : Array.Empty<Shape>(), .. residual ? [output] : Array.Empty<Shape>()];
        return new OpCase(
            $"[{string.Join(", ", map)}] [{string.Join(", ", kernel)}] {c}",
            inputs,
            t => t[0].Conv2d(t[1], c with
            {
                Bias = bias ? t[2] : null,
                Residual = residual ? t[^1] : null,
                Scale = scales is null ? null : Tensor.From<float>([.. scales.Select(s => (float)s)], [outputs], t[0].Device),
                Activation = relu ? Activation.Relu : Activation.None,
            }),
            v => Reference(v[0], map, v[1], kernel, c, output, bias ? v[2] : null, scales, residual ? v[^1] : null, relu))
        { HasDouble = false, AlwaysF32 = bias ? [1, 2] : [1] };
    }

    private static int Places(int size, int kernel, int stride, int padding, int dilation) =>
        ((size + (2 * padding) - (dilation * (kernel - 1)) - 1) / stride) + 1;

    private static double[] Reference(
        double[] x, int[] map, double[] weight, int[] kernel, Convolution c, Shape output, double[]? bias, double[]? scale, double[]? residual, bool relu)
    {
        double[] y = new double[output.Count];
        int perGroup = kernel[3], outputsPerGroup = kernel[0] / c.Groups;
        for (int i = 0; i < y.Length; i++)
        {
            int o = i % output[3], column = i / output[3] % output[2], row = i / output[3] / output[2] % output[1], n = i / output[3] / output[2] / output[1];
            double sum = 0;
            for (int tap = 0; tap < kernel[1] * kernel[2] * perGroup; tap++)
            {
                int k = tap % perGroup, q = tap / perGroup % kernel[2], p = tap / perGroup / kernel[2];
                int h = (row * c.Stride.Height) - c.Padding.Height + (p * c.Dilation.Height);
                int w = (column * c.Stride.Width) - c.Padding.Width + (q * c.Dilation.Width);
                if (h >= 0 && h < map[1] && w >= 0 && w < map[2])
                {
                    int at = (((((n * map[1]) + h) * map[2]) + w) * map[3]) + (o / outputsPerGroup * perGroup) + k;
                    sum += x[at] * weight[(o * kernel[1] * kernel[2] * perGroup) + tap];
                }
            }

            sum = (sum * (scale?[o] ?? 1)) + (bias?[o] ?? 0) + (residual?[i] ?? 0);
            y[i] = relu ? Math.Max(sum, 0) : sum;
        }

        return y;
    }
}
