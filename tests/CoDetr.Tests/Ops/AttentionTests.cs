using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class AttentionTests
{
    public static TheoryData<OpCase> Cases =>
    [
        Case(2, 5, 7, 8, 2), Case(3, 4, 9, 6, 1), Case(1, 6, 6, 12, 3, blocked: 1), Case(2, 5, 4, 8, 2, blocked: 2), Case(2, 3, 20, 8, 4, blocked: 4 * 2),
        Case(2, 4, 5, 8, 2, padded: true), Case(3, 3, 4, 4, 2, bias: 1), Case(3, 3, 4, 4, 2, bias: 2), Case(3, 3, 4, 4, 2, blocked: 3, padded: true, bias: 6),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void IsZeroWhereEveryKeyIsHidden()
    {
        using StepScope scope = StepScope.Begin();
        Tensor q = Tensor.From<float>([1, 2, 3, 4], [1, 2, 2]), k = Tensor.From<float>([1, 0, 2, 1], [1, 2, 2]);
        Tensor v = Tensor.From<float>([5, 6, 7, 8], [1, 2, 2]);
        q.RequiresGrad = k.RequiresGrad = v.RequiresGrad = true;
        Tensor y = Tensor.Attention(q, k, v, 1, blocked: Tensor.From<byte>([1, 1, 1, 0], [2, 2]));
        Assert.Equal([0, 0, 7, 8], y.ToArray());
        y.Backward(Tensor.From<float>([1, 1, 1, 1], [1, 2, 2]));
        Assert.All(q.Grad!.ToArray(), v => Assert.Equal(0, v));
        Assert.Equal([0, 0, 1, 1], v.Grad!.ToArray());
    }

    /// <summary>More scores than one chunk holds: the chunks must agree with the weights computed at once. They are planned alike for every device.</summary>
    [Theory, InlineData(1, 40, 30000, 2), InlineData(5, 300, 700, 4)]
    public void ChunksAgree(int batch, int queries, int keys, int heads)
    {
        using CpuDevice device = new(2);
        using StepScope scope = StepScope.Begin();
        Random random = new(5);
        Tensor Uniform(int rows) =>
            Tensor.From<float>([.. Enumerable.Range(0, batch * rows * heads).Select(_ => (float)random.NextDouble())], [batch, rows, heads], device);
        (Tensor q, Tensor k, Tensor v) = (Uniform(queries), Uniform(keys), Uniform(keys));
        float[] weights = Tensor.AttentionWeights(q, k, heads).ToArray(), values = v.ToArray(), y = Tensor.Attention(q, k, v, heads).ToArray();
        for (int i = 0; i < y.Length; i += 97)
        {
            int h = i % heads, row = i / heads % queries, n = i / heads / queries;
            double sum = 0;
            for (int key = 0; key < keys; key++)
            {
                sum += (double)weights[(((long)((n * heads) + h) * queries) + row) * keys + key] * values[(((n * keys) + key) * heads) + h];
            }

            Assert.Equal(sum, y[i], 1e-5);
        }
    }

    [Fact]
    public void GradientsOfChunksAddUp()
    {
        const int Queries = 5, Keys = 300000; // three queries to a chunk
        using CpuDevice device = new(2);
        using StepScope scope = StepScope.Begin();
        (Tensor q, Tensor k, Tensor v) = (Zeros(Queries), Zeros(Keys), Zeros(Keys));
        Tensor.Attention(q, k, v, 1).Backward(Tensor.From<float>([1, 2, 3, 4, 5], [1, Queries, 1], device));
        Assert.All(v.Grad!.ToArray(), d => Assert.Equal(15f / Keys, d, 1e-9f)); // every weight is 1 / keys

        Tensor Zeros(int rows)
        {
            Tensor x = Tensor.Zeros([1, rows, 1], device: device);
            x.RequiresGrad = true;
            return x;
        }
    }

    private static OpCase Case(int batch, int queries, int keys, int width, int heads, int blocked = 0, bool padded = false, int bias = 0)
    {
        byte[]? hidden = blocked == 0 ? null : [.. Enumerable.Range(0, blocked * queries * keys).Select(i => (byte)(i * 7 % 5 % 2))];
        byte[]? padding = padded ? [.. Enumerable.Range(0, batch * keys).Select(i => (byte)(i % keys == keys - 1 ? 1 : 0))] : null;
        Shape Mask(int outer) => outer == 1 ? [queries, keys] : [outer, queries, keys];
        return new OpCase(
            $"{batch}×{queries}×{keys}×{width} {heads} heads blocked {blocked} padded {padded} bias {bias}",
            [[batch, queries, width], [batch, keys, width], [batch, keys, width], .. bias == 0 ? Array.Empty<Shape>() : [Mask(bias)]],
            t => Tensor.Attention(
                t[0], t[1], t[2], heads,
                hidden is null ? null : Tensor.From(hidden, Mask(blocked), t[0].Device),
                padding is null ? null : Tensor.From(padding, [batch, keys], t[0].Device),
                bias == 0 ? null : t[3]),
            v => Reference(
                v[0], v[1], v[2], batch, queries, keys, heads,
                (n, h, q, k) => (hidden is null || hidden[Place(blocked, batch, heads, n, h, queries, keys, q, k)] == 0) && padding?[(n * keys) + k] != 1,
                (n, h, q, k) => bias == 0 ? 0 : v[3][Place(bias, -1, heads, n, h, queries, keys, q, k)]))
        { HasDouble = false, AlwaysF32 = [3] };
    }

    private static int Place(int outer, int batch, int heads, int n, int h, int queries, int keys, int q, int k)
    {
        int first = outer == 1 ? 0 : outer == batch ? n : outer == heads && batch < 0 ? h : (n * heads) + h;
        return (((first * queries) + q) * keys) + k;
    }

    private static double[] Reference(
        double[] query, double[] key, double[] value, int batch, int queries, int keys, int heads,
        Func<int, int, int, int, bool> sees, Func<int, int, int, int, double> bias)
    {
        int width = query.Length / batch / queries, d = width / heads;
        double[] y = new double[query.Length];
        for (int i = 0; i < batch * heads * queries; i++)
        {
            int q = i % queries, h = i / queries % heads, n = i / queries / heads, at = (((n * queries) + q) * width) + (h * d);
            double[] weights = [.. Enumerable.Range(0, keys).Select(k => !sees(n, h, q, k) ? 0 : Math.Exp(
                (Enumerable.Range(0, d).Sum(c => query[at + c] * key[(((n * keys) + k) * width) + (h * d) + c]) / Math.Sqrt(d)) + bias(n, h, q, k)))];
            double sum = weights.Sum();
            for (int c = 0; c < d && sum > 0; c++)
            {
                y[at + c] = weights.Select((w, k) => w / sum * value[(((n * keys) + k) * width) + (h * d) + c]).Sum();
            }
        }

        return y;
    }
}
