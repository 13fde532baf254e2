namespace CoDetr.Tensors;

/// <summary>The anchors of one cell: every ratio at every scale, ratios outermost.</summary>
/// <param name="BaseScale">Side of the smallest square anchor, in strides.</param>
/// <param name="ScalesPerOctave">Scales from there up to, but without, twice as large.</param>
/// <param name="Ratios">Height over width.</param>
/// <param name="CenterOffset">Centre within the cell, in strides: 0 is its upper left corner, as in the reference.</param>
public sealed record AnchorShape(float BaseScale, int ScalesPerOctave, IReadOnlyList<float> Ratios, float CenterOffset = 0)
{
    /// <summary>Sides of the square anchors, in strides.</summary>
    public IReadOnlyList<float> Scales { get; init; } =
        [.. Enumerable.Range(0, ScalesPerOctave).Select(i => (float)(BaseScale * Math.Pow(2, (double)i / ScalesPerOctave)))];

    /// <summary>Anchors of each cell.</summary>
    public int PerToken => Ratios.Count * Scales.Count;
}

/// <summary>
/// Priors of the cells of a feature pyramid (spec/losses-and-assignment.md §6), made on the device. Rows are tokens, the anchors of a token side by side;
/// each level has twice the stride of the one before.
/// </summary>
public static class AnchorsOp
{
    private static readonly Kernel Boxes = new("anchors.cu", "anchors_boxes");
    private static readonly Kernel Points = new("anchors.cu", "anchors_points");
    private static readonly Kernel Valid = new("anchors.cu", "anchors_valid");

    extension(FeatureLevels levels)
    {
        /// <summary>The anchors of all cells.</summary>
        /// <param name="shape">Of the anchors of one cell.</param>
        /// <param name="firstStride">Pixels per cell of the first level; sides of anchors count its smaller one.</param>
        /// <returns>Corners in pixels: <c>f32[rows, 4]</c>, rows = tokens · <see cref="AnchorShape.PerToken"/></returns>
        public Tensor Anchors(AnchorShape shape, Spatial firstStride)
        {
            int anchor = 0, side = Math.Min(firstStride.Height, firstStride.Width);
            Tensor boxes = Tensor.Empty([levels.Tokens * shape.PerToken, 4], device: levels.Sizes.Device);
            float center = shape.CenterOffset * side;
            foreach (float root in shape.Ratios.Select(MathF.Sqrt))
            {
                foreach (float scale in shape.Scales)
                {
                    (float width, float height) = (0.5f * (side * (1 / root) * scale), 0.5f * (side * root * scale));
                    boxes.Device.Launch(
                        Boxes, Work.Elements(levels.Tokens, 20), boxes, levels.OfToken, levels.Starts, levels.Sizes, levels.Tokens, shape.PerToken, anchor++,
                        firstStride.Height, firstStride.Width, center - width, center - height, center + width, center + height);
                }
            }

            return boxes;
        }

        /// <summary>A point in each cell.</summary>
        /// <param name="firstStride">Pixels per cell of the first level.</param>
        /// <param name="offset">Place within the cell: 0.5 is its centre.</param>
        /// <returns>(x, y) in pixels: <c>f32[tokens, 2]</c></returns>
        public Tensor CellPoints(Spatial firstStride, float offset = 0.5f)
        {
            Tensor points = Tensor.Empty([levels.Tokens, 2], device: levels.Sizes.Device);
            points.Device.Launch(
                Points, Work.Elements(levels.Tokens, 20), points, levels.OfToken, levels.Starts, levels.Sizes, levels.Tokens, firstStride.Height,
                firstStride.Width, offset);
            return points;
        }

        /// <summary>Which priors' cells begin within each picture.</summary>
        /// <param name="priorSizes"><c>f32[batch, 2]</c>: height and width in pixels.</param>
        /// <param name="firstStride">Pixels per cell of the first level.</param>
        /// <param name="perToken">Priors of each cell.</param>
        /// <returns><c>u8[batch, rows]</c>: 1 where valid</returns>
        public Tensor ValidPriors(Tensor priorSizes, Spatial firstStride, int perToken = 1)
        {
            Check.Type(priorSizes, DType.F32);
            Check.That(priorSizes.Shape.Length == 2 && priorSizes.Shape[1] == 2, $"priorSizes must be [batch, 2], got {priorSizes.Shape}.");
            Tensor valid = Tensor.Empty([priorSizes.Shape[0], levels.Tokens * perToken], DType.U8, priorSizes.Device);
            valid.Device.Launch(
                Valid, Work.Elements(valid.Count, 20), valid, priorSizes, levels.OfToken, levels.Starts, levels.Sizes, priorSizes.Shape[0], levels.Tokens,
                perToken, firstStride.Height, firstStride.Width);
            return valid;
        }
    }
}
