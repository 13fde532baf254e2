using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>With the batch's own statistics, as where a backbone is trained.</summary>
public class BatchNormBench : OpBench<MapSize>
{
    internal override MapSize[] Tiny => [new(3, 4, 16)];

    internal override MapSize[] Counted => [new(20, 27, 256)];

    internal override MapSize[] Real => [new(200, 272, 256)];

    /// <summary>Statistics first: a map that no cache holds is read twice and written once.</summary>
    internal override long Bytes => 3 * Size.Elements * sizeof(float);

    internal override double TargetShare => 0.8;

    internal override Tensor[] Inputs() =>
    [
        Uniform(1, Size.Height, Size.Width, Size.Channels), Uniform(Size.Channels), Uniform(Size.Channels),
        Tensor.Zeros([Size.Channels]), Tensor.Zeros([Size.Channels]).Fill(1),
    ];

    internal override Tensor Run(Tensor[] t) => t[0].BatchNorm(t[1], t[2], t[3], t[4], training: true);
}
