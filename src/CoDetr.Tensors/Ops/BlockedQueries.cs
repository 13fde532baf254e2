namespace CoDetr.Tensors;

/// <summary>Queries of one purpose, behind those of another.</summary>
/// <param name="Count">How many.</param>
/// <param name="Parts">Into how many groups of one size they fall that do not see each other.</param>
/// <param name="SeesMain">Whether they see the main queries too.</param>
public readonly record struct QuerySpan(int Count, int Parts = 1, bool SeesMain = false);

/// <summary>Masks for self-attention of queries in groups that do not see each other (spec/model.md §7, spec/collaborative-training.md §6.4).</summary>
public static class BlockedQueriesOp
{
    private static readonly Kernel Block = new("blocked_queries.cu", "blocked_queries_forward");

    extension(Tensor)
    {
        /// <summary>Which queries do not see which.</summary>
        /// <param name="spans">The groups, in the order of their queries.</param>
        /// <param name="main">Which of them is the main one.</param>
        /// <param name="match"><c>i32[images, queries]</c>: -2 for queries that only fill gaps; null if there are none.</param>
        /// <returns><c>u8[queries, queries]</c>, with <paramref name="match"/> <c>u8[images, queries, queries]</c>: 1 = blocked</returns>
        public static Tensor BlockedQueries(IReadOnlyList<QuerySpan> spans, int main, Tensor? match = null)
        {
            int queries = spans.Sum(span => span.Count), mainBegin = spans.Take(main).Sum(span => span.Count), begin = 0;
            Check.That(match is null || (match.Shape.Length == 2 && match.Shape[1] == queries), $"match must be [images, {queries}], got {match}.");
            int images = match?.Shape[0] ?? 1;
            Tensor blocked = Tensor.Empty(match is null ? [queries, queries] : [images, queries, queries], DType.U8, match?.Device);
            foreach (QuerySpan span in spans)
            {
                Check.That(span.Parts > 0 && span.Count % span.Parts == 0, $"{span.Count} queries do not fall into {span.Parts} groups.");
                blocked.Device.Launch(
                    Block, Work.Teams((long)images * span.Count, queries), blocked, match, (long)images, queries, begin, span.Count, span.Parts,
                    mainBegin, span.SeesMain ? spans[main].Count : 0);
                begin += span.Count;
            }

            return blocked;
        }
    }
}
