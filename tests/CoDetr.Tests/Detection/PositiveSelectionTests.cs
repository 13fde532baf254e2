using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

/// <summary>What the choice of extra queries adds to its op: lengths, features with gradient, draws, candidates of priors.</summary>
public sealed class PositiveSelectionTests
{
    [Theory, InlineData(0, 9), InlineData(9, 9), InlineData(10, 10), InlineData(300, 300), InlineData(301, 300)]
    public void ThereAreNineTo300Queries(int positives, int length) => Assert.Equal(length, PositiveSelection.Length(positives));

    [Fact]
    public void FeaturesAreThoseOfACandidatesTokenOrItsOwnAndTakeAGradient()
    {
        using StepScope scope = StepScope.Begin();
        Tensor tokens = Tensor.From([1f, 2, 3, 4], [1, 2, 2]), own = Tensor.From([.. Enumerable.Range(0, 12).Select(i => (float)i)], [1, 6, 2]);
        (tokens.RequiresGrad, own.RequiresGrad) = (true, true);
        Assignment assignment = new(Tensor.From([-1, 0, -2, -2, 0, -2], [1, 6]));
        Tensor boxes = Tensor.Zeros([1, 6, 4]), sizes = Tensor.From([8f, 8], [1, 2]);
        Draws draws = Draws.Given(new Dictionary<string, Tensor>());
        PositiveQueries ofTokens = PositiveSelection.Select(new(boxes, assignment, null, 3), 4, tokens, sizes, false, draws);
        Assert.Equal([1f, 2, 3, 4, 1, 2, 1, 2], ofTokens.Features.ToArray()); // rows 1 and 4, then 0 twice
        Assert.Equal([0, 0, -1, -1], ofTokens.Assignment.Index.ToArray<int>());
        PositiveQueries ofRegions = PositiveSelection.Select(new(boxes, assignment, own), 4, tokens, sizes, true, draws);
        Assert.Equal([2f, 3, 8, 9, 0, 0, 0, 0], ofRegions.Features.ToArray());
        Assert.Equal([0, 0, -2, -2], ofRegions.Assignment.Index.ToArray<int>());
        (ofTokens.Features.SumAll() + ofRegions.Features.SumAll()).Backward();
        Assert.Equal([3f, 3, 1, 1], tokens.Grad!.ToArray());
        Assert.Equal([0f, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0], own.Grad!.ToArray());
    }

    [Fact]
    public void ASeedDecidesWhichAreDrawnAndWithoutTruthNegativesAre()
    {
        using StepScope scope = StepScope.Begin();
        PositiveCandidates candidates = new(
            Tensor.From([.. Enumerable.Range(0, 4 * 2 * 400).Select(i => (float)i)], [2, 400, 4]),
            new Assignment(Tensor.From([.. Enumerable.Range(0, 800).Select(i => i < 400 ? i % 3 : -1)], [2, 400])));
        int length = PositiveSelection.Length(PositiveSelection.CountLargest(candidates).ToArray<int>()[0]);
        Assert.Equal(300, length);
        float[] Chosen(int seed) => PositiveSelection.Select(
            candidates, length, Tensor.Zeros([2, 400, 1]), Tensor.From([1f, 1, 1, 1], [2, 2]), false, Draws.From(Tensor.From(seed, 7)).For("head")).Boxes.ToArray();
        float[] first = Chosen(1);
        Assert.Equal(first, Chosen(1));
        Assert.NotEqual(first, Chosen(2));
        Assert.All(first.Chunk(4).Chunk(300), picture => Assert.Equal(300, picture.Select(box => box[0]).Distinct().Count()));
    }

    [Fact]
    public void AllThatIsNotPositiveOfPriorsMayFillGaps()
    {
        using StepScope scope = StepScope.Begin();
        Tensor priors = Tensor.From([0f, 0, 2, 2, 2, 0, 4, 2, 4, 0, 6, 2], [3, 4]), valid = Tensor.From<byte>([1, 1, 0], [1, 3]);
        PositiveCandidates candidates = PositiveSelection.OfPriors(priors, valid, new Assignment(Tensor.From([-2, 0, -2], [1, 3])));
        PositiveQueries queries = PositiveSelection.Select(
            candidates, 3, Tensor.Zeros([1, 3, 1]), Tensor.From([2f, 4], [1, 2]), false, Draws.Given(new Dictionary<string, Tensor>()));
        Assert.Equal([0, -1, -1], queries.Assignment.Index.ToArray<int>());
        Assert.Equal([0.75f, 0.5f, 0.5f, 1, 0.25f, 0.5f, 0.5f, 1, 0, 0, 0, 0], queries.Boxes.ToArray());
    }
}
