using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class GroupNormTests
{
    public static TheoryData<OpCase> Cases =>
        [Case([2, 3, 4, 6], 3), Case([3, 11, 8], 4), Case([2, 1, 4], 2), Case([1, 5, 5], 1), Case([2, 40, 3], 3), Case([1, 2100, 4], 2), Case([0, 4, 2], 1), Case([2, 5, 8], 4, Activation.Relu)];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "GroupNorm: 6 channels do not fall into 4 groups.",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([1, 5, 6]).GroupNorm(4, Tensor.Zeros([6]), Tensor.Zeros([6]))).Message);

    private static OpCase Case(int[] shape, int groups, Activation activation = Activation.None) => new(
        $"[{string.Join(", ", shape)}] {groups} groups, {activation}",
        [Shape.Create(shape), [shape[^1]], [shape[^1]]],
        t => t[0].GroupNorm(groups, t[1], t[2], activation: activation),
        v => [.. Reference(v[0], v[1], v[2], shape[0], groups).Select(y => activation == Activation.Relu ? Math.Max(y, 0) : y)])
    {
        AlwaysF32 = [1, 2],
        IsDifferentiable = shape[1] < 1000, // differences of many inputs take long
        GradientTolerance = shape[1] == 1 ? 1e-3 : 2e-5, // two values in a group: the terms of the gradient cancel
    };

    private static double[] Reference(double[] x, double[] weight, double[] bias, int images, int groups)
    {
        int channels = weight.Length, width = channels / groups, size = images == 0 ? 0 : x.Length / images;
        double[] y = new double[x.Length];
        for (int i = 0; i < images * groups; i++)
        {
            int[] places = [.. Enumerable.Range(0, size).Where(p => p % channels / width == i % groups).Select(p => (i / groups * size) + p)];
            double mean = places.Average(p => x[p]), variance = places.Average(p => (x[p] - mean) * (x[p] - mean));
            foreach (int p in places)
            {
                y[p] = ((x[p] - mean) / Math.Sqrt(variance + 1e-5f) * weight[p % channels]) + bias[p % channels];
            }
        }

        return y;
    }
}
