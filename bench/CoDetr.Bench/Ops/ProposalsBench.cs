using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>The anchors of a picture of this height and width: nine for each cell of five maps, strides 8 to 128.</summary>
public sealed record ProposalsSize(int Height, int Width, int PerLevel, int Most)
{
    internal int[] Levels => [.. Enumerable.Range(3, 5).Select(shift => 9 * ((Height + (1 << shift) - 1) >> shift) * ((Width + (1 << shift) - 1) >> shift))];

    /// <inheritdoc/>
    public override string ToString() => $"{Height}×{Width}, {PerLevel}";
}

/// <summary>What a region-proposal head offers: the best of each level, those without area left out, suppressed by level.</summary>
public class ProposalsBench : SizedBench<ProposalsSize>
{
    internal override ProposalsSize[] Tiny => [new(64, 64, 50, 20)];

    internal override ProposalsSize[] Real => [new(480, 640, 4000, 1000), new(480, 640, 1000, 1000), new(800, 1333, 4000, 1000)];

    internal override Tensor[] Inputs()
    {
        int rows = Size.Levels.Sum(), i = 0;
        float[] corner = new float[2];
        Tensor boxes = Make([1, rows, 4], () =>
        {
            int side = i++ % 4, extent = side % 2 == 0 ? Size.Width : Size.Height;
            return side < 2 ? corner[side] = Next() * extent : Math.Min(corner[side - 2] + ((Next() + 0.2f) * extent / 8), extent);
        });
        int[] levels = [.. Size.Levels.SelectMany((count, level) => Enumerable.Repeat(level, count))];
        return [Make([1, rows], Next), boxes, Tensor.From(levels, [1, rows])];
    }

    internal override Tensor Run(Tensor[] t)
    {
        Tensor picks = t[0].LevelTopRows(Size.Levels, Size.PerLevel), boxes = t[1].GatherRows(picks);
        return Tensor.Nms(boxes, t[0].GatherRows(picks).UnlessEmpty(boxes), 0.7f, Size.Most, t[2].GatherRows(picks)).Kept;
    }
}
