using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class PositionTests
{
    private static readonly (int Height, int Width)[] Levels = [(4, 6), (2, 3), (1, 2)];

    public static TheoryData<OpCase> Cases => [Embedding(8, 4, false), Embedding(6, 4, true), Embedding(16, 2, true), Embedding(2, 2, false)];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void PaddingTakesTheNearestCell()
    {
        using StepScope scope = StepScope.Begin();
        Assert.Equal(
            [.. Mask(4, 6, 3, 5), .. Mask(2, 3, 2, 3), 0, 0, .. Mask(4, 6, 4, 6), .. Mask(2, 3, 2, 3), 0, 0],
            Padded().ToArray<byte>());
    }

    [Fact]
    public void EverythingAgreesWithTheFormulas()
    {
        using StepScope scope = StepScope.Begin();
        FeatureLevels levels = new(Levels);
        Tensor padded = Padded(), ratios = levels.ValidRatios(padded);
        (Tensor logits, Tensor blocked) = levels.Proposals(padded, ratios);
        byte[] mask = padded.ToArray<byte>(), stop = blocked.ToArray<byte>();
        float[] r = ratios.ToArray(), points = levels.ReferencePoints(ratios).ToArray(), boxes = logits.ToArray();
        int token = 0;
        for (int image = 0; image < 2; image++)
        {
            int at = image * levels.Tokens;
            for (int l = 0; l < levels.Count; at += levels[l].Height * levels[l].Width, l++)
            {
                (int height, int width) = levels[l];
                int right = Enumerable.Range(0, width).Count(x => mask[at + x] == 0), bottom = Enumerable.Range(0, height).Count(y => mask[at + (y * width)] == 0);
                Assert.Equal((float)right / width, r[((image * levels.Count) + l) * 2], 1e-6);
                Assert.Equal((float)bottom / height, r[(((image * levels.Count) + l) * 2) + 1], 1e-6);
                for (int cell = 0; cell < height * width; cell++, token++)
                {
                    double x = ((cell % width) + 0.5) / right, y = ((cell / width) + 0.5) / bottom, size = 0.05 * Math.Pow(2, l);
                    for (int k = 0; k < levels.Count; k++)
                    {
                        Assert.Equal(x * r[((image * levels.Count) + k) * 2], points[((token * levels.Count) + k) * 2], 1e-6);
                        Assert.Equal(y * r[(((image * levels.Count) + k) * 2) + 1], points[(((token * levels.Count) + k) * 2) + 1], 1e-6);
                    }

                    bool open = mask[token] == 0 && x is > 0.01 and < 0.99 && y is > 0.01 and < 0.99;
                    Assert.Equal(open ? 0 : 1, stop[token]);
                    double[] expected = [.. new[] { x, y, size, size }.Select(v => open ? Math.Log(v / (1 - v)) : double.PositiveInfinity)];
                    Assert.All(expected.Zip(boxes[(4 * token)..]), p => Assert.True(p.First.Equals(p.Second) || Math.Abs(p.First - p.Second) < 1e-5));
                }
            }
        }
    }

    [Theory]
    [InlineData(8, 20, 0, true)]
    [InlineData(6, 10000, -0.5, true)]
    [InlineData(4, 10000, 0, false)]
    public void SineEncodingAgreesForAnyNumberOfWorkers(int features, float temperature, float offset, bool normalize)
    {
        float[]? first = null;
        foreach (int workers in new[] { 1, 2, 7 })
        {
            using DeviceUnderTest device = new(workers);
            using StepScope scope = StepScope.Begin();
            Tensor mask = Tensor.From<byte>([.. Mask(5, 4, 3, 4), .. Mask(5, 4, 5, 2)], [2, 5, 4], device);
            float[] y = mask.SineEncoding(features, temperature, offset, normalize).ToArray();
            first ??= y;
            Assert.Equal(first, y);
        }

        int at = 0;
        foreach ((int bottom, int right) in new[] { (3, 4), (5, 2) })
        {
            for (int cell = 0; cell < 20; cell++)
            {
                int row = cell / 4, column = cell % 4;
                double down = column < right ? Math.Min(row + 1, bottom) : 0, along = row < bottom ? Math.Min(column + 1, right) : 0;
                foreach ((double count, double total) in new[] { (down, column < right ? bottom : 0.0), (along, row < bottom ? right : 0.0) })
                {
                    double position = normalize ? (count + offset) / (total + 1e-6) * 2 * Math.PI : count + offset;
                    for (int i = 0; i < features; i++)
                    {
                        double v = position / Math.Pow(temperature, i / 2 * 2.0 / features);
                        Assert.True(Math.Abs((i % 2 == 0 ? Math.Sin(v) : Math.Cos(v)) - first![at++]) < 2e-6 + (Math.Abs(v) * 1e-6), $"{at - 1}");
                    }
                }
            }
        }
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "ValidRatios: padded must be [batch, levels.Tokens] = [1, 32], got [1, 31].",
        Assert.Throws<ShapeException>(() => new FeatureLevels(Levels).ValidRatios(Tensor.Zeros([1, 31], DType.U8))).Message);

    /// <summary>Two images of 8 × 12: the first is valid in 6 × 10, the second all over.</summary>
    private static Tensor Padded() => new FeatureLevels(Levels).Padding(Tensor.From<byte>([.. Mask(8, 12, 6, 10), .. Mask(8, 12, 8, 12)], [2, 8, 12]));

    private static byte[] Mask(int height, int width, int bottom, int right) =>
        [.. Enumerable.Range(0, height * width).Select(i => (byte)(i / width < bottom && i % width < right ? 0 : 1))];

    private static OpCase Embedding(int features, int dims, bool yFirst) => new(
        $"embedding {dims}×{features}, {(yFirst ? 'y' : 'x')} first",
        [[3, 2, dims]],
        t => t[0].SineEmbedding(features, yFirst, 100),
        v => [.. Enumerable.Range(0, 6 * dims * features).Select(i =>
        {
            int d = i / features % dims, from = yFirst && d < 2 ? 1 - d : d, k = i % features;
            double angle = 2 * Math.PI * v[0][(i / features / dims * dims) + from] / Math.Pow(100, k / 2 * 2.0 / features);
            return k % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle);
        })])
    {
        Adapt = (_, x) => 0.5 + (0.2 * x),
        HasHalf = false,
    };
}
