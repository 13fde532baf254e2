using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class MatMulTests
{
    public static TheoryData<OpCase> Cases =>
    [
        Case(1, 5, 7, 3, false, false), Case(1, 5, 7, 3, true, false), Case(1, 5, 7, 3, false, true), Case(1, 5, 7, 3, true, true),
        Case(4, 3, 17, 6, false, true), Case(4, 3, 17, 6, true, false), Case(0, 3, 4, 5, false, false),
        Case(3, 4, 9, 5, false, true, shared: true), Case(3, 4, 9, 5, false, false, shared: true),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "MatMul: b must have k = 4 rows, got [5, 2].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([3, 4]).MatMul(Tensor.Zeros([5, 2]))).Message);

    [Fact]
    public void AddsGradientsOfTwoUses()
    {
        using StepScope scope = StepScope.Begin();
        Tensor a = Tensor.From<float>([1, 2, 3, 4], [2, 2]), b = Tensor.From<float>([1, 0, 2, 1], [2, 2]), ones = Tensor.From<float>([1, 1, 1, 1], [2, 2]);
        a.RequiresGrad = b.RequiresGrad = true;
        a.MatMul(a.MatMul(b)).Backward(ones); // a a b: d/da = 1 (a b)ᵀ + aᵀ 1 bᵀ, d/db = aᵀ aᵀ 1
        Assert.Equal([11, 27, 13, 33], a.Grad!.ToArray());
        Assert.Equal([22, 22, 32, 32], b.Grad!.ToArray());
    }

    private static OpCase Case(int batch, int m, int k, int n, bool transposeA, bool transposeB, bool shared = false) => new(
        $"{batch}×{m}×{k}×{n} {transposeA} {transposeB} {shared}",
        [Sizes(batch, m, k, transposeA), shared ? Shape.Create(transposeB ? [n, k] : [k, n]) : Sizes(batch, k, n, transposeB)],
        t => t[0].MatMul(t[1], transposeA, transposeB),
        v => Reference(v[0], v[1], batch, m, k, n, transposeA, transposeB, shared))
    { HasDouble = false };

    private static Shape Sizes(int batch, int rows, int columns, bool transposed) =>
        batch == 1 ? (transposed ? [columns, rows] : [rows, columns]) : (transposed ? [batch, columns, rows] : [batch, rows, columns]);

    private static double[] Reference(double[] a, double[] b, int batch, int m, int k, int n, bool transposeA, bool transposeB, bool shared)
    {
        double[] c = new double[batch * m * n];
        for (int i = 0; i < batch; i++)
        {
            for (int row = 0; row < m; row++)
            {
                for (int column = 0; column < n; column++)
                {
                    for (int p = 0; p < k; p++)
                    {
                        double left = a[(i * m * k) + (transposeA ? (p * m) + row : (row * k) + p)];
                        double right = b[(shared ? 0 : i * k * n) + (transposeB ? (column * k) + p : (p * n) + column)];
                        c[(((i * m) + row) * n) + column] += left * right;
                    }
                }
            }
        }

        return c;
    }
}
