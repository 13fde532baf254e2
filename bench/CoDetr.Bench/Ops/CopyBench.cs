using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>A way of moving tokens.</summary>
public sealed record MoveSize(string Op, int Count, int Channels)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Op} {Count}×{Channels}";
}

/// <summary>Data moved and nothing computed: levels joined, heads and channels exchanged, rows picked.</summary>
public class CopyBench : OpBench<MoveSize>
{
    private const string Concat = "Concat", Transpose = "Transpose", GatherRows = "GatherRows";

    internal override MoveSize[] Tiny => [new(Concat, 6, 24), new(Transpose, 6, 24), new(GatherRows, 6, 24)];

    internal override MoveSize[] Real => [new(Concat, 35642, 256), new(Transpose, 35642, 256), new(GatherRows, 35642, 256)];

    internal override long Bytes => 2L * Size.Count * Size.Channels * sizeof(float);

    internal override Tensor[] Inputs() => Size.Op switch
    {
        Concat => [Uniform(1, Size.Count / 2, Size.Channels), Uniform(1, Size.Count / 2, Size.Channels)],
        Transpose => [Uniform(1, Size.Count, Size.Channels)],
        _ => [Uniform(1, Size.Count, Size.Channels), Make([1, Size.Count], () => (int)(Next() * Size.Count))],
    };

    internal override Tensor Run(Tensor[] t) => Size.Op switch
    {
        Concat => Tensor.Concat(1, t[0], t[1]),
        Transpose => t[0].Transpose(1, 2),
        _ => t[0].GatherRows(t[1]),
    };
}
