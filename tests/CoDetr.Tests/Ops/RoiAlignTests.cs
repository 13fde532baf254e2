using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class RoiAlignTests
{
    /// <summary>Two pictures of 64×48 pixels: inside, over the border, thin, of one pixel, large, far outside, without area, inverted.</summary>
    private static readonly float[] Boxes =
    [
        4.3f, 5.1f, 21.7f, 17.9f, -9, -7, 12.5f, 40.3f, 0.4f, 20.2f, 63.1f, 23.3f, 30, 30, 31, 31,
        0, 0, 64, 48, 500, -400, 560, -340, 12, 12, 12, 30, 40, 30, 20, 10,
    ];

    public static TheoryData<OpCase> Cases =>
    [
        Case("one map", 3, 7, [(12, 16)], 4, 1),
        Case("three levels", 3, 2, [(12, 16), (6, 8), (3, 4)], 4, 10),
        Case("an even number of channels, three levels, counts", 2, 2, [(12, 16), (6, 8), (3, 4)], 4, 10, [3, 0]),
        Case("many channels", 150, 2, [(4, 3)], 16, 1),
        Case("rows and columns, two samples, not aligned", 2, new RoiBins(2, 3, 2, false), [(6, 8)], 8, 1),
        Case("two samples, aligned", 2, new RoiBins(3, 2, 2), [(6, 8)], 8, 1),
        Case("maps of one cell", 2, 2, [(1, 1), (1, 1)], 32, 20),
        Case("owners on the GPU", 40, 2, [(6, 8), (3, 4)], 8, 10, isDeterministic: true),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void ReadsTheExampleOfTheSpecification()
    {
        using StepScope scope = StepScope.Begin();
        Tensor map = Tensor.From<float>([0, 1, 2, 3], [1, 2, 2, 1]);
        Assert.Equal([1.5f], Tensor.RoiAlign([map], Tensor.From<float>([0, 0, 2, 2], [1, 1, 4]), 1, 1, 1).ToArray());
    }

    [Theory]
    [InlineData(20f, 0), InlineData(39.99f, 0), InlineData(40f, 1), InlineData(79.9f, 1), InlineData(80f, 2), InlineData(1000f, 2), InlineData(0f, 0)]
    public void EachBoxComesFromTheLevelOfItsSize(float side, int level)
    {
        using StepScope scope = StepScope.Begin();
        Tensor[] maps = [.. Enumerable.Range(0, 3).Select(i => Tensor.Zeros([1, 32 >> i, 32 >> i, 1]).Fill(i + 1))];
        float value = Tensor.RoiAlign(maps, Tensor.From<float>([0, 0, side, side], [1, 1, 4]), 32, 20, 1).ToArray()[0];
        Assert.Equal(side > 0 ? level + 1 : 0, value);
    }

    [Fact]
    public void BoxesThatAreNoNumbersAreZeroAndNoBoxesAreNone()
    {
        using StepScope scope = StepScope.Begin();
        Tensor map = Tensor.Zeros([1, 4, 4, 3]).Fill(1);
        float[] odd = [float.NaN, 0, 2, 2, 0, 0, float.PositiveInfinity, 4, 0, 0, 1e30f, 4, float.NegativeInfinity, 0, 4, 4];
        Assert.All(Tensor.RoiAlign([map], Tensor.From(odd, [1, 4, 4]), 1, 1, 2).ToArray(), v => Assert.Equal(0, v));
        map.RequiresGrad = true;
        Tensor none = Tensor.RoiAlign([map], Tensor.Zeros([1, 0, 4]), 1, 1, 2);
        Assert.Equal([1, 0, 2, 2, 3], none.Shape);
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor map = Tensor.Zeros([2, 4, 4, 3]), boxes = Tensor.Zeros([2, 5, 4]);
        Assert.Equal(
            "RoiAlign: boxes must be [batch, boxes, 4] = [2, 5, 4], got [2, 5, 3].",
            Assert.Throws<ShapeException>(() => Tensor.RoiAlign([map], Tensor.Zeros([2, 5, 3]), 4, 56, 7)).Message);
        Assert.Equal(
            "RoiAlign: maps must be F32[2, height, width, 3], got F32[2, 2, 2, 5].",
            Assert.Throws<ShapeException>(() => Tensor.RoiAlign([map, Tensor.Zeros([2, 2, 2, 5])], boxes, 4, 56, 7)).Message);
        Assert.Equal("RoiAlign: there is no map.", Assert.Throws<ShapeException>(() => Tensor.RoiAlign([], boxes, 4, 56, 7)).Message);
        Assert.Equal(
            "RoiAlign: counts must be [batch] = [2], got [3].",
            Assert.Throws<ShapeException>(() => Tensor.RoiAlign([map], boxes, 4, 56, 7, Tensor.Zeros([3], DType.I32))).Message);
    }

    private static OpCase Case(
        string name, int channels, RoiBins bins, (int Height, int Width)[] sizes, int stride, float finest, int[]? counts = null, bool isDeterministic = false) => new(
        name,
        [.. sizes.Select(size => Shape.Create([2, size.Height, size.Width, channels]))],
        t => Tensor.RoiAlign(
            t, Tensor.From(Boxes, [2, 4, 4], t[0].Device), stride, finest, bins, counts is null ? null : Tensor.From(counts, [2], t[0].Device), isDeterministic),
        v => Reference(v, channels, bins, sizes, stride, finest, counts));

    /// <summary>Sample by sample, as the specification has it.</summary>
    private static double[] Reference(double[][] maps, int channels, RoiBins bins, (int Height, int Width)[] sizes, int stride, float finest, int[]? counts)
    {
        double[] y = new double[8 * bins.Rows * bins.Columns * channels];
        for (int k = 0; k < 8; k++)
        {
            double[] box = [.. Boxes.AsSpan(4 * k, 4).ToArray().Select(v => (double)v)];
            double side = Math.Log2((Math.Sqrt((box[2] - box[0]) * (box[3] - box[1])) / finest) + 1e-6);
            int level = double.IsNaN(side) ? 0 : (int)Math.Clamp(Math.Floor(side), 0, sizes.Length - 1);
            (int height, int width) = sizes[level];
            (double top, double high, int down) = Axis(box[1], box[3], bins.Rows, bins, stride << level);
            (double left, double wide, int across) = Axis(box[0], box[2], bins.Columns, bins, stride << level);
            if (counts is not null && k % 4 >= counts[k / 4])
            {
                continue;
            }

            for (int i = 0; i < bins.Rows * bins.Columns * Math.Max(down, 0) * Math.Max(across, 0); i++)
            {
                int ix = i % across, iy = i / across % down, column = i / across / down % bins.Columns, row = i / across / down / bins.Columns;
                double py = top + (row * high) + ((iy + 0.5) * high / down), px = left + (column * wide) + ((ix + 0.5) * wide / across);
                if (py < -1 || py > height || px < -1 || px > width)
                {
                    continue;
                }

                (py, px) = (Math.Clamp(py, 0, height - 1), Math.Clamp(px, 0, width - 1));
                for (int cell = 0; cell < height * width; cell++)
                {
                    double weight = Math.Max(1 - Math.Abs(py - (cell / width)), 0) * Math.Max(1 - Math.Abs(px - (cell % width)), 0) / (down * across);
                    for (int c = 0; c < channels && weight > 0; c++)
                    {
                        y[((((k * bins.Rows) + row) * bins.Columns) + column) * channels + c] += weight * maps[level][((((k / 4) * height * width) + cell) * channels) + c];
                    }
                }
            }
        }

        return y;
    }

    private static (double Start, double Bin, int Samples) Axis(double low, double high, int count, RoiBins bins, int stride)
    {
        double shift = bins.IsAligned ? 0.5 : 0, extent = (high - low) / stride, side = bins.IsAligned ? extent : Math.Max(extent, 1), bin = side / count;
        return ((low / stride) - shift, bin, side < 0 ? 0 : bins.Samples > 0 ? bins.Samples : (int)Math.Ceiling(bin));
    }
}
