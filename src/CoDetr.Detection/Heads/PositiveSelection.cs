using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>From what a head offers to extra decoder queries (spec/collaborative-training.md §6.2).</summary>
internal static class PositiveSelection
{
    /// <summary>Queries of each picture at the least.</summary>
    internal const int Least = 9;

    /// <summary>Queries of each picture for so many positives in the picture that has most.</summary>
    /// <param name="positives">The number of <see cref="CountLargest"/>, downloaded.</param>
    /// <param name="mostPositives">Queries of each picture at the most.</param>
    internal static int Length(int positives, int mostPositives = 300) => Math.Max(Least, Math.Min(mostPositives, positives));

    /// <summary>Candidates of a head with priors: all that are not positive may fill gaps, ignored ones and those on padding (as boxes of zeros) too.</summary>
    /// <param name="priors">The same for every picture: corners in pixels, <c>f32[rows, 4]</c>.</param>
    /// <param name="valid"><c>u8[batch, rows]</c>: not 0 where a prior lies within the picture; null if all do.</param>
    /// <param name="assignment">Fate of each.</param>
    /// <param name="perToken">Priors of each token of the pyramid.</param>
    internal static PositiveCandidates OfPriors(Tensor priors, Tensor? valid, Assignment assignment, int perToken = 1)
    {
        (Tensor boxes, Tensor index) = assignment.Index.PriorCandidates(priors, valid);
        return new PositiveCandidates(boxes, new Assignment(index), null, perToken);
    }

    /// <summary>The positives of the picture that has most.</summary>
    /// <returns><c>i32[1]</c></returns>
    internal static Tensor CountLargest(PositiveCandidates candidates) => candidates.Assignment.Index.MostPositives();

    /// <summary>The queries.</summary>
    /// <param name="candidates">Of one head.</param>
    /// <param name="length">Queries of each picture.</param>
    /// <param name="tokens">The pyramid's, <c>real[batch, tokens, channels]</c>; features of candidates that bring none.</param>
    /// <param name="validSizes">What boxes are divided by, <c>f32[batch, 2]</c>: height and width in pixels.</param>
    /// <param name="padsWithZeros">Whether gaps stay empty instead of being filled with negatives.</param>
    /// <param name="draws">The head's own.</param>
    internal static PositiveQueries Select(PositiveCandidates candidates, int length, Tensor tokens, Tensor validSizes, bool padsWithZeros, Draws draws)
    {
        Tensor index = candidates.Assignment.Index;
        (Tensor boxes, Tensor fate, Tensor source) = index.PositiveQueries(
            length, candidates.Boxes, validSizes, candidates.Features is null ? candidates.PerToken : 1,
            draws.Uniform("positives", index.Shape), padsWithZeros ? null : draws.Uniform("negatives", index.Shape));
        return new PositiveQueries(boxes, new Assignment(fate), (candidates.Features ?? tokens).GatherRows(source));
    }
}
