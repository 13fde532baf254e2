using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Assignment of points to the objects that they lie in (spec/losses-and-assignment.md §5.5).</summary>
internal static class PointAssigner
{
    private const float Everything = 1e8f;

    /// <summary>Ranges of a pyramid: each level reaches twice as far as the finer one, the finest 64 pixels for a stride of 8; the coarsest has no end.</summary>
    /// <param name="levels">Maps.</param>
    /// <param name="firstStride">Pixels per cell of the finest one.</param>
    /// <param name="radius">Half the side of the square that a point must lie in, in strides; 0: anywhere in the object.</param>
    internal static PointRange[] Ranges(int levels, int firstStride, float radius = 1.5f) =>
        [.. Enumerable.Range(0, levels).Select(level =>
        {
            float stride = firstStride << level;
            return new PointRange(stride, level == 0 ? -1 : 4 * stride, level == levels - 1 ? Everything : 8 * stride, radius * stride);
        })];

    /// <summary>The fate of each point, one for each token.</summary>
    /// <param name="levels">The maps.</param>
    /// <param name="ranges">One for each of them.</param>
    /// <param name="truth">What the pictures show.</param>
    /// <param name="valid"><c>u8[batch, rows]</c>: 0 where a point is ignored; null as in the paper: points on padding are negatives.</param>
    internal static Assignment Assign(FeatureLevels levels, IReadOnlyList<PointRange> ranges, Truth truth, Tensor? valid = null)
    {
        using Stage stage = Stage.Of("assignment");
        return new Assignment(truth.Boxes.AssignPoints(truth.Counts, levels, ranges, valid));
    }
}
