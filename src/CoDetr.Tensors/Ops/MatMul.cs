namespace CoDetr.Tensors;

/// <summary>The matrix product.</summary>
public static class MatMulOp
{
    extension(Tensor a)
    {
        /// <summary>
        /// The product of matrices, of the last two dimensions. Leading dimensions are equal in both, or <paramref name="b"/> is one matrix for all.
        /// </summary>
        /// <param name="b"><c>real[..., k, n]</c>, or <c>real[k, n]</c></param>
        /// <param name="transposeA">Whether this tensor is <c>[..., k, m]</c> instead of <c>[..., m, k]</c>.</param>
        /// <param name="transposeB">Whether <paramref name="b"/> is <c>[..., n, k]</c>.</param>
        /// <returns><c>real[..., m, n]</c></returns>
        public Tensor MatMul(Tensor b, bool transposeA = false, bool transposeB = false)
        {
            Check.That(a.Shape.Length >= 2 && b.Shape.Length >= 2, $"a and b must be matrices or batches of them, got {a.Shape} and {b.Shape}.");
            int k = a.Shape[transposeA ? ^2 : ^1], m = a.Shape[transposeA ? ^1 : ^2], n = b.Shape[transposeB ? ^2 : ^1];
            Check.That(b.Shape[transposeB ? ^1 : ^2] == k, $"b must have k = {k} {(transposeB ? "columns" : "rows")}, got {b.Shape}.");
            bool stacked = b.Shape.Length == 2 && a.Shape.Length > 2; // one tall matrix
            Check.That(!stacked || !transposeA, $"a batch of transposed matrices a {a.Shape} needs a batch of b, got {b.Shape}.");
            int[] leading = [.. a.Shape.SkipLast(2)];
            Check.That(stacked || leading.SequenceEqual(b.Shape.SkipLast(2)), $"the leading dimensions of a {a.Shape} and b {b.Shape} must be equal.");

            Tensor Flat(Tensor x) => stacked ? Product.Rows(x) : x;
            Tensor c = a.New([.. leading, m, n]);
            a.Device.Gemm(Product.Of(Flat(a), transposeA, b, transposeB, Flat(c)));
            return GradNode.Record(nameof(MatMul), c, [a, b], dc =>
            [
                a.RequiresGrad
                    ? Product.Gradient(a, da => transposeA ? Product.Of(b, transposeB, dc, true, da) : Product.Of(Flat(dc), false, b, !transposeB, Flat(da)))
                    : null,
                b.RequiresGrad
                    ? Product.Gradient(b, db => transposeB
                        ? Product.Of(Flat(dc), true, Flat(a), transposeA, db)
                        : Product.Of(Flat(a), !transposeA, Flat(dc), false, db))
                    : null,
            ]);
        }
    }
}
