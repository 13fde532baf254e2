using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Probabilistic anchor assignment of a training step: every object has first some 50 anchors on each level.</summary>
public class AssignPaaBench : SizedBench<AssignSize>
{
    private FeatureLevels levels = null!;

    internal override AssignSize[] Tiny => [new(60, 90, 8, 3, 2, 5)];

    internal override AssignSize[] Real => AssignSize.Real;

    internal override Tensor[] Inputs()
    {
        levels = new FeatureLevels(Size.Maps);
        int near = 50 * Size.Levels * Size.Truths;
        return
        [
            Make([Size.Images, Size.Rows], () => Next() * Size.Rows < near ? (int)(Next() * Size.Truths) : -1),
            Make([Size.Images, Size.Rows], () => Next() < 0.3f ? Next() : 2 + Next()),
            .. Size.Truth(Next),
        ];
    }

    internal override Tensor Run(Tensor[] t) => t[0].AssignPaa(t[1], levels, 1, t[3], Size.Truths);
}
