using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>The nine anchors of each cell, as a region-proposal head has them.</summary>
public class AnchorsBench : SizedBench<PyramidSize>
{
    private static readonly AnchorShape Nine = new(4, 3, [0.5f, 1, 2]);
    private FeatureLevels levels = null!;

    internal override PyramidSize[] Tiny => [new(5, 7)];

    internal override PyramidSize[] Real => [new(60, 80), new(200, 334)];

    internal override long Bytes => 16L * Size.Tokens * Nine.PerToken;

    internal override Tensor[] Inputs()
    {
        levels = new FeatureLevels(Size.Levels);
        return [];
    }

    internal override Tensor Run(Tensor[] t) => levels.Anchors(Nine, 8);
}
