using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class WindowAttentionTests
{
    public static TheoryData<OpCase> Cases =>
    [
        Case(1, 4, 4, 1, 3, 2), Case(2, 4, 4, 2, 2, 2, shift: 1), Case(1, 5, 3, 2, 3, 3, shift: 1), Case(1, 3, 7, 1, 9, 4, shift: 2), Case(1, 5, 4, 1, 2, 9, shift: 4),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    /// <summary>The sizes of the published models: several tiles of queries, 32 channels a head.</summary>
    [Theory, InlineData(7, 3), InlineData(12, 6)]
    public void AgreesWithAttentionInEachWindow(int window, int shift)
    {
        using StepScope scope = StepScope.Begin();
        const int Heads = 2, Channels = 64;
        int cells = window * window;
        Random random = new(3);
        Tensor Normal(params int[] shape) => Tensor.From<float>(
            [.. Enumerable.Range(0, shape.Aggregate((a, b) => a * b)).Select(_ => (float)((2 * random.NextDouble()) - 1))], Shape.Create(shape));
        Tensor map = Normal(1, window, window, 3 * Channels), table = Normal(((2 * window) - 1) * ((2 * window) - 1), Heads), upstream = Normal(1, window, window, Channels);
        Tensor[] parts = [.. Enumerable.Range(0, 3).Select(i => map.Slice(3, i * Channels, Channels).Reshape(1, cells, Channels))];
        float[] places = table.ToArray(), bias = new float[Heads * cells * cells];
        for (int i = 0; i < bias.Length; i++)
        {
            (int key, int query, int head) = (i % cells, i / cells % cells, i / cells / cells);
            int row = (query / window) - (key / window) + window - 1, column = (query % window) - (key % window) + window - 1;
            bias[i] = places[(((row * ((2 * window) - 1)) + column) * Heads) + head];
        }

        Array.ForEach([map, table, .. parts], tensor => tensor.RequiresGrad = true);
        Tensor expected = Tensor.Attention(parts[0], parts[1], parts[2], Heads, bias: Tensor.From(bias, [Heads, cells, cells]));
        expected.Backward(upstream.Reshape(1, cells, Channels));
        Tensor y = map.WindowAttention(Tensor.Zeros([3 * Channels]), table, window);
        y.Backward(upstream);
        Close(expected, y);
        Close(Tensor.Concat(2, [.. parts.Select(part => part.Grad!)]), map.Grad!);
        Assert.True(map.WindowAttention(Tensor.Zeros([3 * Channels]), table, window, shift).ToArray().All(float.IsFinite));
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor x = Tensor.Zeros([1, 4, 4, 12]);
        Assert.Equal(
            "WindowAttention: table must be [(2 · window - 1)², heads] = [9, 2], got [8, 2].",
            Assert.Throws<ShapeException>(() => x.WindowAttention(Tensor.Zeros([12]), Tensor.Zeros([8, 2]), 2)).Message);
        Assert.Equal(
            "WindowAttention: a window of 2 cells cannot be shifted by 2.",
            Assert.Throws<ShapeException>(() => x.WindowAttention(Tensor.Zeros([12]), Tensor.Zeros([9, 2]), 2, 2)).Message);
    }

    private static void Close(Tensor expected, Tensor actual)
    {
        float[] a = expected.ToArray(), b = actual.ToArray();
        float scale = a.Max(Math.Abs);
        Assert.All(a.Zip(b), pair => Assert.Equal(pair.First, pair.Second, 2e-5f * scale));
    }

    private static OpCase Case(int batch, int height, int width, int heads, int channels, int window, int shift = 0) => new(
        $"{batch}×{height}×{width}, {heads}×{channels}, windows of {window} shifted by {shift}",
        [[batch, height, width, 3 * heads * channels], [3 * heads * channels], [((2 * window) - 1) * ((2 * window) - 1), heads]],
        t => t[0].WindowAttention(t[1], t[2], window, shift),
        v => Reference(v, batch, height, width, heads, window, shift))
    { AlwaysF32 = [1, 2] };

    /// <summary>Step by step as the paper has it: pad, roll, cut, attend, and back.</summary>
    private static double[] Reference(double[][] v, int batch, int height, int width, int heads, int window, int shift)
    {
        int row = v[1].Length, channels = row / 3 / heads, rows = (height + window - 1) / window * window, columns = (width + window - 1) / window * window;
        double[] y = new double[batch * height * width * heads * channels];
        foreach ((int b, int top, int left, int h) in from b in Enumerable.Range(0, batch)
                                                      from top in Enumerable.Range(0, rows / window)
                                                      from left in Enumerable.Range(0, columns / window)
                                                      from h in Enumerable.Range(0, heads)
                                                      select (b, top * window, left * window, h))
        {
            (int R, int C)[] rolled = [.. from i in Enumerable.Range(0, window) from j in Enumerable.Range(0, window) select (top + i, left + j)];
            (int R, int C)[] cells = [.. rolled.Select(p => ((p.R + shift) % rows, (p.C + shift) % columns))];
            double At((int R, int C) p, int part, int c)
            {
                int at = (((part * heads) + h) * channels) + c;
                return p.R < height && p.C < width ? v[0][(((((b * height) + p.R) * width) + p.C) * row) + at] : v[1][at];
            }

            int Region((int R, int C) p) => (3 * Part(p.R, rows)) + Part(p.C, columns);
            int Part(int at, int n) => shift == 0 || at < n - window ? 0 : at < n - shift ? 1 : 2;
            for (int q = 0; q < cells.Length; q++)
            {
                if (cells[q].R >= height || cells[q].C >= width)
                {
                    continue;
                }

                double[] weights = [.. Enumerable.Range(0, cells.Length).Select(k => Math.Exp(
                    (Enumerable.Range(0, channels).Sum(c => At(cells[q], 0, c) * At(cells[k], 1, c)) / Math.Sqrt(channels))
                    + v[2][(((((rolled[q].R - rolled[k].R + window - 1) * ((2 * window) - 1)) + rolled[q].C - rolled[k].C + window - 1)) * heads) + h]
                    + (Region(rolled[q]) == Region(rolled[k]) ? 0 : -100)))];
                double sum = weights.Sum();
                for (int c = 0; c < channels; c++)
                {
                    y[(((((b * height) + cells[q].R) * width) + cells[q].C) * heads * channels) + (h * channels) + c] = weights.Select((w, k) => w * At(cells[k], 2, c)).Sum() / sum;
                }
            }
        }

        return y;
    }
}
