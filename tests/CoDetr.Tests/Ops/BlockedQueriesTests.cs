using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class BlockedQueriesTests
{
    // Two parts of denoising queries, three main ones, two groups of positives.
    private static readonly QuerySpan[] Spans = [new(4, 2, SeesMain: true), new(3), new(2), new(1)];

    private static readonly string[] Plain =
    [
        "..XX...XXX", "..XX...XXX", "XX.....XXX", "XX.....XXX", "XXXX...XXX", "XXXX...XXX", "XXXX...XXX", "XXXXXXX..X", "XXXXXXX..X", "XXXXXXXXX.",
    ];

    [Fact]
    public void GroupsSeeThemselvesAndDenoisingQueriesTheMainOnesToo()
    {
        using StepScope scope = StepScope.Begin();
        Assert.Equal(Plain, Rows(Tensor.BlockedQueries(Spans, main: 1)));
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(7)]
    public void QueriesThatFillGapsAreNeitherSeenNorSee(int workers)
    {
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        int[] match = [0, -1, 2, -1, 0, -1, -1, 5, 5, 5, 0, -1, 0, -1, -1, -1, -1, 3, -2, -2];
        string[] rows = Rows(Tensor.BlockedQueries(Spans, main: 1, Tensor.From(match, [2, 10], device)));
        Assert.Equal(Plain, rows[..10]);
        Assert.Equal([.. Plain[..7], "XXXXXXX.XX", "XXXXXXXXXX", "XXXXXXXXXX"], rows[10..]);
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        using StepScope scope = StepScope.Begin();
        Assert.Equal(
            "BlockedQueries: 4 queries do not fall into 3 groups.",
            Assert.Throws<ShapeException>(() => Tensor.BlockedQueries([new QuerySpan(4, 3)], main: 0)).Message);
    }

    private static string[] Rows(Tensor blocked) =>
        [.. blocked.ToArray<byte>().Chunk(blocked.Shape[^1]).Select(row => string.Concat(row.Select(b => b == 0 ? '.' : 'X')))];
}
