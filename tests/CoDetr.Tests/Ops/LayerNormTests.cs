using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class LayerNormTests
{
    public static TheoryData<OpCase> Cases => [Case(1, 8), Case(7, 13), Case(3, 256), Case(2, 300), Case(2, 65), Case(0, 8), Case(130, 4)];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "LayerNorm: weight must be [channels] = [13], got [12].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([7, 13]).LayerNorm(Tensor.Zeros([12]), Tensor.Zeros([13]))).Message);

    private static OpCase Case(int rows, int channels) => new(
        $"{rows}×{channels}",
        [[rows, channels], [channels], [channels]],
        t => t[0].LayerNorm(t[1], t[2]),
        v => Reference(v[0], v[1], v[2]))
    { AlwaysF32 = [1, 2] };

    private static double[] Reference(double[] x, double[] weight, double[] bias)
    {
        int channels = weight.Length;
        double[] y = new double[x.Length];
        for (int row = 0; row < x.Length; row += channels)
        {
            double[] values = x[row..(row + channels)];
            double mean = values.Average(), variance = values.Average(v => (v - mean) * (v - mean));
            for (int c = 0; c < channels; c++)
            {
                y[row + c] = ((values[c] - mean) / Math.Sqrt(variance + 1e-5f) * weight[c]) + bias[c];
            }
        }

        return y;
    }
}
