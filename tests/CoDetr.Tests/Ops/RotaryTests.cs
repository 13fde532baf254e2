using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class RotaryTests
{
    public static TheoryData<OpCase> Cases => [Case(2, 3, 5, 1, 8), Case(1, 4, 2, 3, 4), Case(1, 5, 3, 2, 12, period: 2), Case(1, 1, 1, 1, 64), Case(1, 2, 3, 2, 64, period: 24)];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "Rotary: 12 channels do not fall into 2 heads of a multiple of 4.",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([1, 2, 2, 12]).Rotary(2)).Message);

    private static OpCase Case(int batch, int height, int width, int heads, int channels, int period = 0) => new(
        $"{batch}×{height}×{width}, {heads}×{channels}, period {period}",
        [[batch, height, width, heads * channels]],
        t => t[0].Rotary(heads, period == 0 ? null : period),
        v => Reference(v[0], batch, height, width, heads, period == 0 ? height : period, period == 0 ? width : period));

    private static double[] Reference(double[] x, int batch, int height, int width, int heads, int rows, int columns)
    {
        double[] y = new double[x.Length];
        int channels = x.Length / batch / height / width / heads;
        for (int cell = 0; cell < batch * height * width; cell++)
        {
            (double row, double column) = (16.0 * (cell / width % height % rows) / rows, 16.0 * (cell % width % columns) / columns);
            for (int head = 0; head < heads; head++)
            {
                Turn(x, y, ((cell * heads) + head) * channels, channels, row, column);
            }
        }

        return y;
    }

    private static void Turn(double[] x, double[] y, int at, int channels, double row, double column)
    {
        for (int i = 0; i < channels / 2; i++)
        {
            int pair = i % (channels / 4);
            double angle = (i < channels / 4 ? row : column) * Math.Pow(10000, -pair / (channels / 4.0));
            (double a, double b) = (x[at + (2 * i)], x[at + (2 * i) + 1]);
            y[at + (2 * i)] = (a * Math.Cos(angle)) - (b * Math.Sin(angle));
            y[at + (2 * i) + 1] = (b * Math.Cos(angle)) + (a * Math.Sin(angle));
        }
    }
}
