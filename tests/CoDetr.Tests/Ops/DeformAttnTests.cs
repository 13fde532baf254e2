using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class DeformAttnTests
{
    private static readonly (int Height, int Width)[][] Maps = [[(3, 4)], [(4, 5), (2, 3)], [(1, 1), (3, 2), (2, 2)]];

    public static TheoryData<OpCase> Cases =>
    [
        Plain(1, 0, 2, 2, 3, 3), Plain(2, 1, 3, 2, 8, 4), Plain(1, 2, 2, 3, 5, 1), Plain(1, 1, 2, 1, 16, 4), Plain(1, 0, 2, 1, 32, 4), Plain(2, 1, 0, 2, 8, 4),
        Fused(1, 0, 3, 2, 4, 3, 2), Fused(2, 1, 2, 2, 8, 4, 2), Fused(2, 1, 2, 2, 3, 4, 4), Fused(1, 2, 2, 3, 5, 2, 4), Fused(1, 1, 2, 1, 32, 4, 4),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void PointsThatAreNotFiniteReadZero()
    {
        using StepScope scope = StepScope.Begin();
        Tensor value = Tensor.Zeros([1, 12, 1, 8]).Fill(1), weights = Tensor.Zeros([1, 1, 1, 1, 4]).Fill(1);
        Tensor locations = Tensor.From([float.NaN, 0.5f, float.PositiveInfinity, 0.5f, 1e30f, 0.5f, 0.5f, 0.5f], [1, 1, 1, 1, 4, 2]);
        Assert.All(value.DeformAttn(new FeatureLevels([(3, 4)]), locations, weights).ToArray(), v => Assert.Equal(1f, v));
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "DeformAttn: scores must be [batch, queries, heads, levels.Count, points] = [1, 2, 1, 1, 4], got [1, 2, 1, 1, 3].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([1, 12, 1, 8])
            .DeformAttn(new FeatureLevels([(3, 4)]), Tensor.Zeros([1, 2, 1, 1, 4, 2]), Tensor.Zeros([1, 2, 1, 1, 3]))).Message);

    private static OpCase Plain(int batch, int maps, int queries, int heads, int channels, int points)
    {
        (int Height, int Width)[] levels = Maps[maps];
        int tokens = levels.Sum(l => l.Height * l.Width);
        return new(
            $"{batch}×{queries} queries, {heads}×{channels}, {levels.Length} levels, {points} points",
            [[batch, tokens, heads, channels], [batch, queries, heads, levels.Length, points, 2], [batch, queries, heads, levels.Length, points]],
            t => t[0].DeformAttn(new FeatureLevels(levels, t[0].Device), t[1], t[2]),
            v => Reference(v[0], v[1], v[2], levels, batch, queries, heads, channels, points))
        {
            Adapt = (input, x) => input == 1 ? 0.5 + (0.4 * x) : x,
            AlwaysF32 = [1, 2],
            GradientTolerance = 1e-4,
        };
    }

    private static OpCase Fused(int batch, int maps, int queries, int heads, int channels, int points, int dims)
    {
        (int Height, int Width)[] levels = Maps[maps];
        int tokens = levels.Sum(l => l.Height * l.Width), samples = levels.Length * points;
        return new(
            $"fused {dims}-d, {batch}×{queries} queries, {heads}×{channels}, {levels.Length} levels, {points} points",
            [
                [batch, tokens, heads, channels], [batch, queries, levels.Length, dims],
                [batch, queries, heads, levels.Length, points, 2], [batch, queries, heads, levels.Length, points],
            ],
            t => t[0].DeformAttnFused(new FeatureLevels(levels, t[0].Device), t[1], t[2], t[3]),
            v =>
            {
                double[] locations = new double[v[2].Length], weights = new double[v[3].Length];
                for (int s = 0; s < weights.Length; s++)
                {
                    int level = s / points % levels.Length, r = ((s / samples / heads * levels.Length) + level) * dims;
                    double width = dims == 2 ? 1.0 / levels[level].Width : v[1][r + (dims / 2)] / 2 / points;
                    double height = dims == 2 ? 1.0 / levels[level].Height : v[1][r + dims - 1] / 2 / points;
                    locations[2 * s] = v[1][r] + (v[2][2 * s] * width);
                    locations[(2 * s) + 1] = v[1][r + 1] + (v[2][(2 * s) + 1] * height);
                    int row = s / samples * samples;
                    weights[s] = Math.Exp(v[3][s]) / v[3][row..(row + samples)].Sum(Math.Exp);
                }

                return Reference(v[0], locations, weights, levels, batch, queries, heads, channels, points);
            })
        {
            Adapt = (input, x) => input == 1 ? 0.5 + (0.3 * x) : x,
            AlwaysF32 = [1, 2, 3],
            GradientTolerance = 1e-4,
        };
    }

    private static double[] Reference(
        double[] value, double[] locations, double[] weights, (int Height, int Width)[] levels, int batch, int queries, int heads, int channels, int points)
    {
        double[] output = new double[batch * queries * heads * channels];
        int tokens = levels.Sum(l => l.Height * l.Width), s = 0;
        for (int row = 0; row < batch * queries * heads; row++)
        {
            int start = 0;
            foreach ((int height, int width) in levels)
            {
                for (int p = 0; p < points; p++, s++)
                {
                    double x = (locations[2 * s] * width) - 0.5, y = (locations[(2 * s) + 1] * height) - 0.5;
                    for (int i = 0; i < height; i++)
                    {
                        for (int j = 0; j < width; j++)
                        {
                            double share = Math.Max(0, 1 - Math.Abs(x - j)) * Math.Max(0, 1 - Math.Abs(y - i)); // bilinear, as a tent
                            int token = (row / heads / queries * tokens) + start + (i * width) + j;
                            for (int c = 0; c < channels && share > 0; c++)
                            {
                                output[(row * channels) + c] += weights[s] * share * value[(((token * heads) + (row % heads)) * channels) + c];
                            }
                        }
                    }
                }

                start += height * width;
            }
        }

        return output;
    }
}
