using System.Runtime.CompilerServices;

namespace CoDetr.Tensors;

/// <summary>Matrix products of whole tensors: what <see cref="GemmProblem"/> needs, read from their shapes.</summary>
internal static class Product
{
    /// <summary>The problem <c>c = op(a) op(b)</c> over the last two dimensions, as many times as the leading ones say.</summary>
    internal static GemmProblem Of(Tensor a, bool transposeA, Tensor b, bool transposeB, Tensor c, [CallerMemberName] string op = "")
    {
        RequireTypes(op, a, b, c);
        int rank = c.Shape.Length, m = c.Shape[^2], n = c.Shape[^1], k = a.Shape[transposeA ? ^2 : ^1];
        return new GemmProblem
        {
            A = a.Pointer,
            B = b.Pointer,
            C = c.Pointer,
            M = m,
            N = n,
            K = k,
            LdA = a.Shape[^1],
            LdB = b.Shape[^1],
            LdC = n,
            Batch = c.Shape.CountOf(0, rank - 2),
            StrideA = (long)m * k,
            StrideB = (long)k * n,
            StrideC = (long)m * n,
            TransA = transposeA ? 1 : 0,
            TransB = transposeB ? 1 : 0,
            Alpha = 1,
            TypeA = a.DType,
            TypeB = b.DType,
            TypeC = c.DType,
        };
    }

    /// <summary>Products take f32 and one shorter storage type, in any mixture.</summary>
    internal static void RequireTypes(string op, params ReadOnlySpan<Tensor> operands)
    {
        DType shorter = DType.F32;
        foreach (Tensor x in operands)
        {
            bool fits = x.DType == DType.F32 || (x.DType is DType.F16 or DType.BF16 && (shorter == DType.F32 || shorter == x.DType));
            Check.That(fits, $"products take F32{(shorter == DType.F32 ? ", F16 or BF16" : " and " + shorter)}, got {x}.", op);
            shorter = x.DType == DType.F32 ? shorter : x.DType;
        }
    }

    /// <summary>A matrix of all rows: the leading dimensions taken together.</summary>
    internal static Tensor Rows(Tensor x) => x.View(0, [(int)x.Shape.CountOf(0, x.Shape.Length - 1), x.Shape[^1]]);

    /// <summary>The gradient of <paramref name="x"/> as a product: added to what flowed there before, or written to new memory, which is returned.</summary>
    internal static Tensor? Gradient(Tensor x, Func<Tensor, GemmProblem> problemInto)
    {
        (Tensor buffer, bool adds) = Destination(x);
        x.Device.Gemm(problemInto(buffer) with { Accumulate = adds ? 1 : 0 });
        return adds ? null : buffer;
    }

    /// <summary>Where the gradient of <paramref name="x"/> may be written: into what flowed there before (then added), or into new memory.</summary>
    internal static (Tensor Buffer, bool Adds) Destination(Tensor x) => x.Grad is null ? (x.Like(), false) : (Backpropagation.GradBuffer(x), true);
}
