using System.Runtime.CompilerServices;

namespace CoDetr.Tensors;

/// <summary>Functions of two tensors, element by element, under numpy's broadcasting. Formulas and derivatives are rows of the table in <c>broadcast.cu</c>.</summary>
public static class ArithmeticOp
{
    private const int Run = 256; // rows that one team of a column gradient sums
    private static readonly KernelTable Functions = new("broadcast.cu");
    private static readonly Kernel Forward = new("broadcast.cu", "broadcast_forward");
    private static readonly Kernel Backward = new("broadcast.cu", "broadcast_backward");
    private static readonly Kernel BackwardRows = new("broadcast.cu", "broadcast_backward_rows");
    private static readonly Kernel BackwardColumns = new("broadcast.cu", "broadcast_backward_columns");

    extension(Tensor a)
    {
        /// <summary>The larger of two; where they tie each gets half of the gradient.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Maximum(Tensor b) => Map(a, b);

        /// <summary>The smaller of two; where they tie each gets half of the gradient.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Minimum(Tensor b) => Map(a, b);

        /// <summary>a · σ(a) · b: a gated layer.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor SiluTimes(Tensor b) => Map(a, b);
    }

    extension(Tensor)
    {
        /// <summary>The sum, element by element.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor operator +(Tensor a, Tensor b) => Map(a, b, "Add");

        /// <summary>The difference, element by element.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor operator -(Tensor a, Tensor b) => Map(a, b, "Subtract");

        /// <summary>The product, element by element.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor operator *(Tensor a, Tensor b) => Map(a, b, "Multiply");

        /// <summary>The quotient, element by element.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor operator /(Tensor a, Tensor b) => Map(a, b, "Divide");
    }

    private static Tensor Map(Tensor a, Tensor b, [CallerMemberName] string op = "")
    {
        Check.That(a.DType.IsFloat, $"a must hold floating-point numbers, got {a}.", op);
        Check.That(a.DType == b.DType, $"b must hold {a.DType} as a does, got {b}.", op);
        Broadcast meet = new(a.Shape, b.Shape, op);
        for (; !meet.IsSimple; meet = new(a.Shape, b.Shape, op))
        {
            // More than three groups of dimensions: the last one in which an operand repeats is spread out.
            int last = Enumerable.Range(0, meet.Shape.Length).Last(i => meet.A[i] != meet.Shape[i] || meet.B[i] != meet.Shape[i]);
            (a, b) = (SpreadTo(a, meet.A, meet.Shape, last), SpreadTo(b, meet.B, meet.Shape, last));
        }

        int function = Functions[op];
        Tensor y = Tensor.Empty(meet.Shape, a.DType, a.Device);
        (Strides p, Strides q) = (meet.StridesA, meet.StridesB);
        a.Device.Launch(
            Forward, Broadcast.WorkOf(meet.Outer * meet.Count, meet.Inner), y, a, b, meet.Outer, meet.Count, meet.Inner, Broadcast.ChunkOf(meet.Inner),
            p.Outer, p.Count, p.Inner, q.Outer, q.Count, q.Inner, function);
        return GradNode.Record(op, y, [a, b], dy =>
        {
            Tensor? da = a.RequiresGrad && meet.IsFullA ? op is "Add" or "Subtract" ? dy.Reshape(a.Shape) : a.Like() : null;
            Tensor? db = b.RequiresGrad && meet.IsFullB ? op is "Add" ? dy.Reshape(b.Shape) : b.Like() : null;
            Tensor? writtenA = da?.Storage == dy.Storage ? null : da, writtenB = db?.Storage == dy.Storage ? null : db;
            if (writtenA is not null || writtenB is not null)
            {
                a.Device.Launch(
                    Backward, Broadcast.WorkOf(meet.Outer * meet.Count, meet.Inner), writtenA, writtenB, dy, a, b, meet.Outer, meet.Count, meet.Inner,
                    Broadcast.ChunkOf(meet.Inner), p.Outer, p.Count, p.Inner, q.Outer, q.Count, q.Inner, function);
            }

            return
            [
                da ?? (a.RequiresGrad ? Reduced(meet, function, dy, a, b, ofB: 0) : null),
                db ?? (b.RequiresGrad ? Reduced(meet, function, dy, a, b, ofB: 1) : null),
            ];
        });
    }

    private static Tensor SpreadTo(Tensor x, Shape aligned, Shape shape, int axis) =>
        aligned[axis] == shape[axis] ? x : x.BroadcastTo(aligned.With(axis, shape[axis]));

    /// <summary>The gradient of an operand that repeats: derivative and sum in one kernel, then the partial sums.</summary>
    private static Tensor Reduced(Broadcast meet, int function, Tensor dy, Tensor a, Tensor b, int ofB)
    {
        Tensor operand = ofB == 0 ? a : b, gradient = operand.Like();
        (Strides p, Strides q) = (meet.StridesA, meet.StridesB);
        Strides own = ofB == 0 ? p : q;
        DType sums = dy.DType.Sums;
        (long outer, long count, long inner) = (meet.Outer, meet.Count, meet.Inner);
        if (own.Inner == 0)
        {
            int chunk = Broadcast.ChunkOf(inner), chunks = (int)((inner + chunk - 1) / chunk);
            Tensor partial = Tensor.Empty([checked((int)(outer * count)), chunks], sums, dy.Device);
            a.Device.Launch(
                BackwardRows, Broadcast.WorkOf(outer * count, inner), partial, dy, a, b, outer, count, inner, chunk,
                p.Outer, p.Count, p.Inner, q.Outer, q.Count, q.Inner, function, ofB);

            // Of outer and count the operand has both, one or none; what it lacks is summed with the chunks.
            bool hasOuter = own.Outer != 0 || outer == 1, hasCount = own.Count != 0 || count == 1;
            if (hasOuter)
            {
                ReduceOp.Sum(gradient, partial, hasCount ? outer * count : outer, hasCount ? chunks : count * chunks, 1, 1);
            }
            else
            {
                Tensor rows = Tensor.Empty([checked((int)(outer * (hasCount ? count : 1)))], sums, dy.Device);
                ReduceOp.Sum(rows, partial, hasCount ? outer * count : outer, hasCount ? chunks : count * chunks, 1, 1);
                ReduceOp.Sum(gradient, rows, 1, outer, hasCount ? count : 1, 1);
            }
        }
        else
        {
            // The dimension that the operand lacks is the one to sum over; the other is the outer one.
            bool isCount = own.Count == 0 && count > 1;
            (long kept, long summed) = isCount ? (outer, count) : (count, outer);
            (long keptStride, long summedStride) = isCount ? (count * inner, inner) : (inner, count * inner);
            (Strides first, Strides second) = isCount ? (p, q) : (Swapped(p), Swapped(q));
            int runs = (int)Math.Max((summed + Run - 1) / Run, 1);
            Tensor partial = Tensor.Empty([checked((int)kept), runs, checked((int)inner)], sums, dy.Device);
            int chunk = (int)Math.Clamp(inner, 1, 256);
            Work work = Work.Teams(kept * runs * ((inner + chunk - 1) / chunk), chunk, cost: chunk * Math.Min(summed, Run));
            a.Device.Launch(
                BackwardColumns, work, partial, dy, a, b, kept, summed, inner, chunk, keptStride, summedStride,
                first.Outer, first.Count, first.Inner, second.Outer, second.Count, second.Inner, function, ofB, Run);
            ReduceOp.Sum(gradient, partial, kept, runs, inner, 1);
        }

        return gradient;
    }

    private static Strides Swapped(Strides strides) => new(strides.Count, strides.Outer, strides.Inner);
}
