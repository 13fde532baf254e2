namespace CoDetr.Tensors;

/// <summary>Choosing extra decoder queries among a head's candidates (spec/collaborative-training.md §6.2). No gradient.</summary>
public static class PositiveQueriesOp
{
    private static readonly Kernel Count = new("positive_queries.cu", "positive_queries_count");
    private static readonly Kernel Most = new("positive_queries.cu", "positive_queries_most");
    private static readonly Kernel Pools = new("positive_queries.cu", "positive_queries_pools");
    private static readonly Kernel Fill = new("positive_queries.cu", "positive_queries_fill");
    private static readonly Kernel Priors = new("positive_queries.cu", "positive_queries_priors");

    extension(Tensor index)
    {
        /// <summary>The positives of the picture that has most. This tensor is <c>i32[batch, rows]</c>: the truth of each candidate, or a negative number.</summary>
        /// <returns><c>i32[1]</c></returns>
        public Tensor MostPositives()
        {
            Tensor most = Tensor.Empty([1], DType.I32, index.Device);
            index.Device.Launch(Most, Work.Elements(1), most, Positives(index), index.Shape[0]);
            return most;
        }

        /// <summary>
        /// Candidates as queries: the positives in order, or so many drawn ones if there are more; then drawn negatives, again and again if they do not
        /// suffice. Drawn are those with the smallest numbers, in the order of these; a member's number stands at its rank among its kind.
        /// </summary>
        /// <param name="length">Queries of each picture.</param>
        /// <param name="boxes">
        /// <c>f32[batch, rows, 4]</c>, corners in pixels; this tensor is <c>i32[batch, rows]</c>: the truth, -1 for a negative, -2 for no candidate.
        /// </param>
        /// <param name="sizes"><c>f32[batch, 2]</c>: height and width of each picture.</param>
        /// <param name="perToken">Candidates that share a row of features.</param>
        /// <param name="positives">Numbers, <c>f32[batch, rows]</c>.</param>
        /// <param name="negatives">Numbers, <c>f32[batch, rows]</c>; null: no negatives fill up.</param>
        /// <returns>
        /// Unit boxes (cx, cy, w, h), <c>f32[batch, queries, 4]</c>; the truth, or -1, or -2 where there is nothing (its box is zeros), <c>i32[batch, queries]</c>;
        /// and the row of features, or -1, <c>i32[batch, queries]</c>.
        /// </returns>
        public (Tensor Boxes, Tensor Index, Tensor Source) PositiveQueries(
            int length, Tensor boxes, Tensor sizes, int perToken, Tensor positives, Tensor? negatives)
        {
            (int batch, int rows) = BatchAndRows(index);
            Check.That(length > 0 && perToken > 0, $"length and perToken must be positive, got {length} and {perToken}.");
            Check.Shape(boxes, [batch, rows, 4]);
            Check.Shape(sizes, [batch, 2]);
            Check.Shape(positives, [batch, rows]);
            Check.Shape(negatives ?? positives, [batch, rows]);
            Device device = index.Device;
            Tensor Whole(params ReadOnlySpan<int> shape) => Tensor.Empty(Shape.Create(shape), DType.I32, device);
            Tensor counts = Positives(index), listed = Whole(batch, length), pool = Whole(batch), keys = boxes.New(batch, rows);
            device.Launch(
                Pools, Work.Teams(batch, Math.Min(rows, 512), cost: 8L * rows), keys, listed, pool, index, counts, positives, negatives, batch, rows, length);
            int mostDrawn = Math.Min(length, rows);
            Tensor drawn = keys.TopK(mostDrawn).Indices, queries = boxes.New(batch, length, 4), fate = Whole(batch, length), source = Whole(batch, length);
            device.Launch(
                Fill, Work.Elements((long)batch * length, 20), queries, fate, source, drawn, listed, pool, index, counts, boxes, sizes,
                batch, rows, length, mostDrawn, perToken);
            return (queries, fate, source);
        }

        /// <summary>Priors as candidates: whatever is not positive becomes negative, priors outside the picture boxes of zeros.</summary>
        /// <param name="priors">The same for every picture, <c>f32[rows, 4]</c>; this tensor is <c>i32[batch, rows]</c>.</param>
        /// <param name="valid"><c>u8[batch, rows]</c>: not 0 where a prior lies within the picture; null if all do.</param>
        /// <returns>Boxes <c>f32[batch, rows, 4]</c> and <c>i32[batch, rows]</c>: the truth, or -1.</returns>
        public (Tensor Boxes, Tensor Index) PriorCandidates(Tensor priors, Tensor? valid)
        {
            (int batch, int rows) = BatchAndRows(index);
            Check.Shape(priors, [rows, 4]);
            Tensor boxes = priors.New(batch, rows, 4), fate = index.Like();
            if (valid is not null)
            {
                Check.Shape(valid, [batch, rows]);
            }

            index.Device.Launch(Priors, Work.Elements((long)batch * rows, 8), boxes, fate, priors, index, valid, batch, rows);
            return (boxes, fate);
        }
    }

    private static Tensor Positives(Tensor index)
    {
        (int batch, int rows) = BatchAndRows(index, nameof(MostPositives));
        Tensor counts = Tensor.Empty([batch], DType.I32, index.Device);
        index.Device.Launch(Count, Work.Teams(batch, Math.Min(rows, 512), cost: rows), counts, index, batch, rows);
        return counts;
    }

    private static (int Batch, int Rows) BatchAndRows(Tensor index, [System.Runtime.CompilerServices.CallerMemberName] string op = "")
    {
        Check.Rank(index, 2, op: op);
        Check.Type(index, DType.I32, op: op);
        Check.That(index.Shape[1] is > 0 and <= 1 << 24, $"there must be 1 to {1 << 24} candidates, got {index.Shape[1]}.", op);
        return (index.Shape[0], index.Shape[1]);
    }
}
