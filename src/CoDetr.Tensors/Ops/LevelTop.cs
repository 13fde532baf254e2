namespace CoDetr.Tensors;

/// <summary>The best predictions of each level of a feature pyramid. No gradient.</summary>
public static class LevelTopOp
{
    private static readonly Kernel Rows = new("level_top.cu", "level_top_rows");
    private static readonly Kernel Pairs = new("level_top.cu", "level_top_pairs");

    extension(Tensor x)
    {
        /// <summary>The rows of each level that have the largest numbers, best first, one level after another.</summary>
        /// <param name="sizes">Rows of each level; this tensor is <c>f32[batch, rows]</c>.</param>
        /// <param name="most">Rows to take of a level.</param>
        /// <returns><c>i32[batch, picks]</c>, picks = sum of min(most, size)</returns>
        public Tensor LevelTopRows(IReadOnlyList<int> sizes, int most)
        {
            Check.Rank(x, 2);
            (int batch, int all) = (x.Shape[0], Taken(sizes, x.Shape[1], 1, most));
            Tensor rows = Tensor.Empty([batch, all], DType.I32, x.Device);
            (int first, int at) = (0, 0);
            foreach (int size in sizes)
            {
                int k = Math.Min(most, size);
                Tensor places = x.Detach().Slice(1, first, size).TopK(k).Indices;
                x.Device.Launch(Rows, Work.Elements(places.Count), rows, places, batch, k, first, at, all);
                (first, at) = (first + size, at + k);
            }

            return rows;
        }

        /// <summary>The best (row, class) pairs of each level by score, one level after another, as candidates for suppression.</summary>
        /// <param name="boxes">Of each row, <c>f32[batch, rows, 4]</c>; this tensor are scores, <c>f32[batch, rows, classes]</c>.</param>
        /// <param name="quality"><c>f32[batch, rows]</c>: multiplies the scores of what was taken; null: nothing does.</param>
        /// <param name="sizes">Rows of each level.</param>
        /// <param name="most">Pairs to take of a level.</param>
        /// <param name="threshold">A pair whose score, without quality, is not above it gets -∞.</param>
        /// <returns><c>f32[batch, picks, 4]</c>, <c>f32[batch, picks]</c> and classes <c>i32[batch, picks]</c>.</returns>
        public (Tensor Boxes, Tensor Scores, Tensor Labels) LevelTopPairs(Tensor boxes, Tensor? quality, IReadOnlyList<int> sizes, int most, float threshold)
        {
            Check.Rank(x, 3);
            (int batch, int rows, int classes) = (x.Shape[0], x.Shape[1], x.Shape[2]);
            Check.Shape(boxes, [batch, rows, 4]);
            Check.That(quality is null || quality.Count == (long)batch * rows, $"quality must be [{batch}, {rows}], got {quality}.");
            int all = Taken(sizes, rows, classes, most);
            Tensor corners = x.New(batch, all, 4), scores = x.New(batch, all), labels = Tensor.Empty([batch, all], DType.I32, x.Device);
            (int first, int at) = (0, 0);
            foreach (int size in sizes)
            {
                int k = Math.Min(most, size * classes);
                (Tensor values, Tensor places) = x.Detach().Slice(1, first, size).Reshape(batch, size * classes).TopK(k);
                x.Device.Launch(
                    Pairs, Work.Elements(places.Count, 10), corners, scores, labels, values, places, boxes, quality, batch, k, classes, first, rows, at, all, threshold);
                (first, at) = (first + size, at + k);
            }

            return (corners, scores, labels);
        }
    }

    private static int Taken(IReadOnlyList<int> sizes, int rows, int each, int most, [System.Runtime.CompilerServices.CallerMemberName] string op = "")
    {
        Check.That(sizes.Sum() == rows, $"levels of {string.Join(" + ", sizes)} rows are not {rows} rows.", op);
        return sizes.Sum(size => Math.Min(most, checked(size * each)));
    }
}
