using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class GridSampleTests
{
    public static TheoryData<OpCase> Cases =>
    [
        Case(Sampling.Bilinear, SamplePadding.Zeros, false), Case(Sampling.Bilinear, SamplePadding.Border, false),
        Case(Sampling.Bilinear, SamplePadding.Zeros, true),
        Case(Sampling.Bilinear, SamplePadding.Border, true, channels: 40),
        Case(Sampling.Nearest, SamplePadding.Zeros, false), Case(Sampling.Nearest, SamplePadding.Border, true),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void HalvesGoToTheEvenPixel()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From<float>([0, 1, 2, 3, 4], [1, 1, 5, 1]), grid = Tensor.From<float>([-0.75f, 0, -0.25f, 0, 0.75f, 0], [1, 1, 3, 2]);
        Assert.Equal([0, 2, 4], x.GridSample(grid, Sampling.Nearest, alignCorners: true).ToArray());
    }

    private static OpCase Case(Sampling sampling, SamplePadding padding, bool aligned, int channels = 3)
    {
        int[] map = [2, 4, 5, channels];
        return new OpCase(
            $"{sampling} {padding} {aligned} {channels}",
            [Shape.Create(map), [2, 3, 4, 2]],
            t => t[0].GridSample(t[1], sampling, padding, aligned),
            v => Reference(v[0], v[1], map, sampling, padding, aligned))
        { AlwaysF32 = [1] };
    }

    private static double[] Reference(double[] x, double[] grid, int[] map, Sampling sampling, SamplePadding padding, bool aligned)
    {
        int channels = map[3], points = grid.Length / 2 / map[0];
        double[] y = new double[map[0] * points * channels];
        for (int p = 0; p < map[0] * points; p++)
        {
            double column = Place(grid[2 * p], map[2], padding, aligned), row = Place(grid[(2 * p) + 1], map[1], padding, aligned);
            (column, row) = sampling == Sampling.Nearest ? (Math.Round(column), Math.Round(row)) : (column, row);
            for (int h = 0; h < map[1]; h++)
            {
                for (int w = 0; w < map[2]; w++)
                {
                    double weight = Math.Max(1 - Math.Abs(column - w), 0) * Math.Max(1 - Math.Abs(row - h), 0);
                    for (int c = 0; c < channels; c++)
                    {
                        y[(p * channels) + c] += weight * x[((((p / points * map[1]) + h) * map[2]) + w) * channels + c];
                    }
                }
            }
        }

        return y;
    }

    private static double Place(double g, int size, SamplePadding padding, bool aligned)
    {
        double place = aligned ? (g + 1) / 2 * (size - 1) : (((g + 1) * size) - 1) / 2;
        return padding == SamplePadding.Border ? Math.Clamp(place, 0, size - 1) : place;
    }
}
