using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>After the projections of the neck: 32 groups of 256 channels.</summary>
public class GroupNormBench : OpBench<MapSize>
{
    private int Groups => Size.Channels / 8;

    internal override MapSize[] Tiny => [new(3, 4, 16)];

    internal override MapSize[] Counted => [new(20, 27, 256)];

    internal override MapSize[] Real => [new(100, 134, 256), new(200, 272, 256)];

    /// <summary>Statistics first: a map that no cache holds is read twice and written once.</summary>
    internal override long Bytes => (Size.Elements * sizeof(float) > Settings.CacheBytes ? 3 : 2) * Size.Elements * sizeof(float);

    internal override double TargetShare => Size.Elements * sizeof(float) > Settings.CacheBytes ? 0.8 : 0;

    internal override Tensor[] Inputs() => [Uniform(1, Size.Height, Size.Width, Size.Channels), Uniform(Size.Channels), Uniform(Size.Channels)];

    internal override Tensor Run(Tensor[] t) => t[0].GroupNorm(Groups, t[1], t[2]);
}
