using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>A pyramid of so many levels over a picture.</summary>
public sealed record PyramidSize(int Height, int Width, int Levels, int FirstStride)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Height}×{Width}, {Levels} levels from /{FirstStride}";

    internal FeatureLevels Make() => new(Enumerable.Range(0, Levels).Select(l => (CellsOf(Height, l), CellsOf(Width, l))));

    private int CellsOf(int pixels, int level) => (pixels + (FirstStride << level) - 1) / (FirstStride << level);
}

/// <summary>The nine anchors of each cell, as a region-proposal head has them.</summary>
public class AnchorsBench : SizedBench<PyramidSize>
{
    private static readonly AnchorShape Nine = new(4, 3, [0.5f, 1, 2]);
    private FeatureLevels levels = null!;

    internal override PyramidSize[] Tiny => [new(40, 56, 3, 8)];

    internal override PyramidSize[] Real => [new(480, 640, 5, 8), new(800, 1333, 6, 4)];

    internal override long Bytes => 16L * levels.Tokens * Nine.PerToken;

    internal override Tensor[] Inputs()
    {
        levels = Size.Make();
        return [];
    }

    internal override Tensor Run(Tensor[] t) => levels.Anchors(Nine, Size.FirstStride);
}
