using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>The losses of a dense head's levels, from those of its anchors.</summary>
public class LevelSumsBench : OpBench<PyramidSize>
{
    private const int Images = 2;
    private const int PerToken = 9;
    private FeatureLevels levels = null!;

    internal override PyramidSize[] Tiny => [new(5, 7)];

    internal override PyramidSize[] Real => [new(60, 80), new(200, 334)];

    internal override long Bytes => 4L * Images * PerToken * Size.Tokens;

    internal override Tensor[] Inputs()
    {
        levels = new FeatureLevels(Size.Levels);
        return [Uniform(Images, levels.Tokens * PerToken)];
    }

    internal override Tensor Run(Tensor[] t) => t[0].LevelSums(levels, PerToken);
}
