using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>The losses of a dense head's levels, from those of its anchors.</summary>
public class LevelSumsBench : OpBench<PyramidSize>
{
    private const int Images = 2;
    private const int PerToken = 9;
    private FeatureLevels levels = null!;

    internal override PyramidSize[] Tiny => [new(40, 56, 3, 8)];

    internal override PyramidSize[] Real => [new(480, 640, 5, 8), new(800, 1333, 6, 4)];

    internal override long Bytes => 4L * Images * PerToken * levels.Tokens;

    internal override Tensor[] Inputs()
    {
        levels = Size.Make();
        return [Uniform(Images, levels.Tokens * PerToken)];
    }

    internal override Tensor Run(Tensor[] t) => t[0].LevelSums(levels, PerToken);
}
