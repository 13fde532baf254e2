using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class PoolTests
{
    public static TheoryData<OpCase> Cases =>
    [
        Case([2, 5, 6, 3], 3, 2, 1), Case([1, 7, 4, 2], (2, 3), (1, 2), (1, 1)), Case([1, 4, 4, 17], 2, 2, 0),
        Case([0, 4, 4, 1], 2, 2, 0), Case([1, 5, 3, 1], 3, 1, 1),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void TheFirstOfEqualsGetsTheGradient()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From<float>([float.NegativeInfinity, 2, 2, 1], [1, 2, 2, 1]);
        x.RequiresGrad = true;
        x.MaxPool2d(2).Backward(Tensor.From<float>([1], [1, 1, 1, 1]));
        Assert.Equal([0, 1, 0, 0], x.Grad!.ToArray());
    }

    private static OpCase Case(int[] map, Spatial kernel, Spatial stride, Spatial padding) => new(
        $"[{string.Join(", ", map)}] {kernel} {stride} {padding}",
        [Shape.Create(map)],
        t => t[0].MaxPool2d(kernel, stride, padding),
        v => Reference(v[0], map, kernel, stride, padding))
    { IsDistinct = true };

    private static double[] Reference(double[] x, int[] map, Spatial kernel, Spatial stride, Spatial padding)
    {
        List<double> y = [];
        int outHeight = ((map[1] + (2 * padding.Height) - kernel.Height) / stride.Height) + 1;
        int outWidth = ((map[2] + (2 * padding.Width) - kernel.Width) / stride.Width) + 1;
        for (int i = 0; i < map[0] * outHeight * outWidth * map[3]; i++)
        {
            int c = i % map[3], left = (i / map[3] % outWidth * stride.Width) - padding.Width;
            int top = (i / map[3] / outWidth % outHeight * stride.Height) - padding.Height, n = i / map[3] / outWidth / outHeight;
            y.Add((from h in Enumerable.Range(top, kernel.Height)
                   from w in Enumerable.Range(left, kernel.Width)
                   where h >= 0 && h < map[1] && w >= 0 && w < map[2]
                   select x[(((((n * map[1]) + h) * map[2]) + w) * map[3]) + c]).Max());
        }

        return [.. y];
    }
}
