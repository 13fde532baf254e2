namespace CoDetr.Tensors;

/// <summary>What the points of one level answer for.</summary>
/// <param name="Stride">Pixels per cell; a point lies in the middle of its cell.</param>
/// <param name="Low">The farthest side of a truth is at least this far away.</param>
/// <param name="High">And at most this.</param>
/// <param name="Radius">Half the side of the square in the middle of a truth that a point must lie in, in pixels; 0: anywhere in the truth.</param>
public readonly record struct PointRange(float Stride, float Low, float High, float Radius);

/// <summary>Assignment of points to the truths that they lie in (spec/losses-and-assignment.md §5.5). No gradient.</summary>
public static class AssignPointOp
{
    private const int MostPoints = 256; // of a team
    private static readonly Kernel Level = new("assign_point.cu", "assign_point");

    extension(Tensor boxes)
    {
        /// <summary>The smallest truth that each point is positive for, of equally large ones the first.</summary>
        /// <param name="counts"><c>i32[batch]</c>: truths of each picture; this tensor is <c>f32[batch, most, 4]</c>, corners in pixels.</param>
        /// <param name="levels">One point for each token.</param>
        /// <param name="ranges">One for each level.</param>
        /// <param name="use"><c>u8[batch, rows]</c>: 0 for no point; null if all are.</param>
        /// <returns><c>i32[batch, rows]</c>: the truth, -1 for a negative, -2 for no point.</returns>
        public Tensor AssignPoints(Tensor counts, FeatureLevels levels, IReadOnlyList<PointRange> ranges, Tensor? use = null)
        {
            Check.Rank(boxes, 3);
            (int batch, int most, int rows) = (boxes.Shape[0], boxes.Shape[1], levels.Tokens);
            Check.Shape(boxes, [batch, most, 4]);
            Check.Shape(counts, [batch]);
            Check.That(ranges.Count == levels.Count, $"there must be a range for each of {levels.Count} levels, got {ranges.Count}.");
            if (use is not null)
            {
                Check.Shape(use, [batch, rows]);
            }

            Tensor index = Tensor.Empty([batch, rows], DType.I32, boxes.Device);
            for (int i = 0; i < levels.Count; i++)
            {
                ((int height, int width), PointRange range) = (levels[i], ranges[i]);
                int points = Math.Min(height * width, MostPoints), runs = ((height * width) + points - 1) / points;
                boxes.Device.Launch(
                    Level, Work.Teams((long)batch * runs, points, 3 * ((points + 1) / 2) * sizeof(double), 20L * points * most), index, boxes, counts, use,
                    batch, most, rows, levels.StartOf(i), height, width, points, range.Stride, range.Low, range.High, range.Radius);
            }

            return index;
        }
    }
}
