using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class AnchorsTests
{
    private const int FirstStride = 8;
    private static readonly (int Height, int Width)[] Sizes = [(5, 7), (3, 4), (1, 1)];
    private static readonly AnchorShape Three = new(4, 3, [0.5f, 1, 2]);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void AnchorsAreTheSpecs(int workers)
    {
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        foreach (AnchorShape shape in new[] { Three, new(8, 1, [1]), new(2, 2, [0.25f, 3], 0.5f) })
        {
            float[] found = new FeatureLevels(Sizes, device).Anchors(shape, FirstStride).ToArray();
            double[] expected = [.. Cells().SelectMany(c => Shapes(shape).SelectMany(a =>
            {
                double x = (c.Column + shape.CenterOffset) * c.Stride, y = (c.Row + shape.CenterOffset) * c.Stride;
                double w = a.Width * c.Stride / 2, h = a.Height * c.Stride / 2;
                return new[] { x - w, y - h, x + w, y + h };
            }))];
            Assert.Equal(expected.Length, found.Length);
            Assert.All(expected.Zip(found), p => Assert.Equal(p.First, p.Second, 1e-4));
        }
    }

    [Fact]
    public void TheFirstAnchorsOfARegionProposalHead()
    {
        // The worked example of spec/losses-and-assignment.md §6.
        using DeviceUnderTest device = new(2);
        using StepScope scope = StepScope.Begin();
        float[] found = new FeatureLevels(Sizes, device).Anchors(Three, FirstStride).ToArray()[..12];
        double[] expected = [-22.627, -11.314, 22.627, 11.314, -28.509, -14.254, 28.509, 14.254, -35.919, -17.959, 35.919, 17.959];
        Assert.All(expected.Zip(found), p => Assert.Equal(p.First, p.Second, 1e-3));
        Assert.Equal(9, Three.PerToken);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void PointsAndValidCells(int workers)
    {
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        FeatureLevels levels = new(Sizes, device);
        float[] expected = [.. Cells().SelectMany(c => new[] { (c.Column + 0.5f) * c.Stride, (c.Row + 0.5f) * c.Stride })];
        Assert.Equal(expected, levels.CellPoints(FirstStride).ToArray());

        float[] pictures = [40, 56, 17, 16, 1, 33, 0, 50];
        byte[] valid = [.. from picture in pictures.Chunk(2)
                           from c in Cells()
                           from anchor in Enumerable.Range(0, 2)
                           select (byte)(c.Row < Math.Ceiling(picture[0] / c.Stride) && c.Column < Math.Ceiling(picture[1] / c.Stride) ? 1 : 0)];
        Assert.Equal(valid, levels.ValidPriors(Tensor.From(pictures, [4, 2], device), FirstStride, 2).ToArray<byte>());
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "ValidPriors: priorSizes must be [batch, 2], got [2].",
        Assert.Throws<ShapeException>(() => new FeatureLevels([(1, 1)]).ValidPriors(Tensor.Zeros([2]), 8)).Message);

    private static IEnumerable<(int Stride, int Row, int Column)> Cells() =>
        from level in Enumerable.Range(0, Sizes.Length)
        from row in Enumerable.Range(0, Sizes[level].Height)
        from column in Enumerable.Range(0, Sizes[level].Width)
        select (FirstStride << level, row, column);

    private static IEnumerable<(double Width, double Height)> Shapes(AnchorShape shape) =>
        from ratio in shape.Ratios
        from i in Enumerable.Range(0, shape.ScalesPerOctave)
        let side = shape.BaseScale * Math.Pow(2, (double)i / shape.ScalesPerOctave)
        select (side / Math.Sqrt(ratio), side * Math.Sqrt(ratio));
}
