using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Assignment of the points of a training step.</summary>
public class AssignPointBench : SizedBench<AssignSize>
{
    private FeatureLevels levels = null!;

    internal override AssignSize[] Tiny => [new(60, 90, 8, 3, 2, 5)];

    internal override AssignSize[] Real => AssignSize.Real;

    internal override Tensor[] Inputs()
    {
        levels = new FeatureLevels(Size.Maps);
        return Size.Truth(Next);
    }

    internal override Tensor Run(Tensor[] t) => t[0].AssignPoints(t[1], levels, [.. Enumerable.Range(0, Size.Levels).Select(level =>
    {
        int stride = Size.FirstStride << level;
        return new PointRange(stride, level == 0 ? -1 : 4 * stride, level == Size.Levels - 1 ? 1e8f : 8 * stride, 1.5f * stride);
    })]);
}
