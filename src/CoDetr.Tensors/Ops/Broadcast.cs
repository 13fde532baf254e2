namespace CoDetr.Tensors;

/// <summary>Where an operand lies under a result seen as <c>[outer, count, inner]</c>, in elements; a stride of 0 repeats.</summary>
internal readonly record struct Strides(long Outer, long Count, long Inner);

/// <summary>
/// How two shapes meet under numpy's rules: sizes agree or are 1, missing ones in front are 1. Neighbouring dimensions in which the same operands
/// repeat are seen as one, so that nearly every pair becomes at most three: <c>[outer, count, inner]</c>.
/// </summary>
internal sealed class Broadcast
{
    private const int Chunk = 2048; // elements that one team does at once

    private readonly List<(long Size, bool InA, bool InB)> groups = [];

    internal Broadcast(Shape a, Shape b, string op)
    {
        int rank = Math.Max(a.Length, b.Length);
        (A, B) = (Aligned(a, rank), Aligned(b, rank));
        int[] sizes = new int[rank];
        for (int i = 0; i < rank; i++)
        {
            Check.That(A[i] == B[i] || A[i] == 1 || B[i] == 1, $"shapes {a} and {b} do not broadcast.", op);
            sizes[i] = A[i] == 1 ? B[i] : A[i];
            (bool inA, bool inB) = (A[i] == sizes[i], B[i] == sizes[i]);
            if (sizes[i] == 1)
            {
                continue;
            }

            if (groups.Count > 0 && groups[^1].InA == inA && groups[^1].InB == inB)
            {
                groups[^1] = (groups[^1].Size * sizes[i], inA, inB);
            }
            else
            {
                groups.Add((sizes[i], inA, inB));
            }
        }

        Shape = Shape.Create(sizes);
        if (!IsSimple)
        {
            return;
        }

        while (groups.Count < 3)
        {
            groups.Insert(0, (1, true, true));
        }

        (Outer, Count, Inner) = (groups[0].Size, groups[1].Size, groups[2].Size);
        StridesA = StridesOf(groups[0].InA, groups[1].InA, groups[2].InA);
        StridesB = StridesOf(groups[0].InB, groups[1].InB, groups[2].InB);
    }

    /// <summary>The shape of the result.</summary>
    internal Shape Shape { get; }

    /// <summary>The operands' shapes with as many dimensions as the result.</summary>
    internal Shape A { get; }

    internal Shape B { get; }

    /// <summary>Whether three dimensions are enough. If not, one operand must be spread first.</summary>
    internal bool IsSimple => groups.Count <= 3;

    internal long Outer { get; }

    internal long Count { get; }

    internal long Inner { get; }

    internal Strides StridesA { get; }

    internal Strides StridesB { get; }

    internal bool IsFullA => A == Shape;

    internal bool IsFullB => B == Shape;

    internal static int ChunkOf(long inner) => (int)Math.Clamp(inner, 1, Chunk);

    internal static Work WorkOf(long rows, long inner)
    {
        int chunk = ChunkOf(inner);
        return Work.Teams(rows * ((inner + chunk - 1) / chunk), Math.Min(chunk, 256), cost: chunk);
    }

    /// <summary>The shape with ones in front.</summary>
    internal static Shape Aligned(Shape shape, int rank) => Shape.Create([.. Enumerable.Repeat(1, rank - shape.Length), .. shape]);

    private Strides StridesOf(bool inOuter, bool inCount, bool inInner)
    {
        long count = inInner ? Inner : 1, outer = inCount ? Count * count : count;
        return new(inOuter ? outer : 0, inCount ? count : 0, inInner ? 1 : 0);
    }
}
