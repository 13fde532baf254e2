using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>A dense head's anchors on the maps of a batch, and how its numbers turn into boxes.</summary>
internal sealed class AnchorGrid
{
    private const float Side = 8; // of the square anchors, in strides
    private static readonly AnchorShape Square = new(Side, 1, [1]);

    private readonly DeltaCoding coding;

    /// <param name="maps">The pyramid.</param>
    /// <param name="firstStride">Pixels per cell of its finest map.</param>
    /// <param name="shape">Of a cell's anchors.</param>
    /// <param name="coding">In which units boxes are predicted.</param>
    /// <param name="onPadding">Whether cells beside a picture have priors too.</param>
    internal AnchorGrid(FeatureMaps maps, int firstStride, AnchorShape shape, DeltaCoding coding, bool onPadding = false)
    {
        this.coding = coding;
        PerToken = shape.PerToken;
        Anchors = maps.Levels.Anchors(shape, firstStride);
        Valid = onPadding ? null : maps.Levels.ValidPriors(maps.PriorSizes, firstStride, PerToken);
    }

    /// <summary>Corners in pixels: <c>f32[rows, 4]</c>.</summary>
    internal Tensor Anchors { get; }

    /// <summary>Which lie on a picture: <c>u8[batch, rows]</c>; null if all count.</summary>
    internal Tensor? Valid { get; }

    /// <summary>Anchors of each cell.</summary>
    internal int PerToken { get; }

    /// <summary>The middles of the anchors, (x, y) in pixels: <c>f32[rows, 2]</c>.</summary>
    internal Tensor Centers => Anchors.ToCenters().Slice(1, 0, 2);

    /// <summary>Pixels per cell where a square anchor lies: <c>f32[rows, 1]</c>.</summary>
    internal Tensor Strides => Anchors.ToCenters().Slice(1, 2, 1) / Side;

    /// <summary>One square of eight strides at the corner of each cell (ATSS, PAA, GFL).</summary>
    internal static AnchorGrid Squares(FeatureMaps maps, int firstStride) => new(maps, firstStride, Square, (0.1f, 0.1f, 0.2f, 0.2f));

    /// <summary>The point in the middle of each cell, also on padding, as a square of eight strides (FCOS).</summary>
    internal static AnchorGrid Points(FeatureMaps maps, int firstStride) => new(maps, firstStride, Square with { CenterOffset = 0.5f }, default, onPadding: true);

    /// <summary>Boxes from predicted offsets.</summary>
    /// <param name="deltas"><c>f32[batch, rows, 4]</c></param>
    /// <param name="clip">Picture sizes, <c>f32[batch, 2]</c>, that boxes are cut off at; null for losses.</param>
    /// <returns>Corners in pixels: <c>f32[batch, rows, 4]</c></returns>
    internal Tensor Decode(Tensor deltas, Tensor? clip = null) => deltas.DecodeDeltas(Anchors, coding, clip);

    /// <summary>The anchors as places for positive queries.</summary>
    internal PositiveCandidates Candidates(Assignment assignment) => PositiveSelection.OfPriors(Anchors, Valid, assignment, PerToken);
}
