using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>So many pictures and priors.</summary>
public sealed record CenternessSize(int Batch, int Rows)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Batch}×{Rows}";
}

/// <summary>Centre-ness of the priors of a pyramid over 480×640 pixels.</summary>
public class CenternessBench : SizedBench<CenternessSize>
{
    internal override CenternessSize[] Tiny => [new(2, 30)];

    internal override CenternessSize[] Real => [new(2, 6400)];

    internal override long Bytes => 6L * sizeof(float) * Size.Batch * Size.Rows;

    internal override Tensor[] Inputs() => [Uniform(Size.Rows, 4), Uniform(Size.Batch, Size.Rows, 4), Uniform(Size.Batch, Size.Rows)];

    internal override Tensor Run(Tensor[] t) => t[0].CenternessTargets(t[1], t[2]);
}
