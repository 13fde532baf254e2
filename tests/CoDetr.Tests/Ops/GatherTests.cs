using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class GatherTests
{
    private static readonly int[] Picks = [2, 0, -1, 2, 1, 1, 0, 2];

    public static TheoryData<OpCase> Cases =>
    [
        Rows(5), Rows(1), Rows(70),
        new OpCase(
            "first axis",
            [[3, 2, 2]],
            t => t[0].IndexSelect(Tensor.From(Picks, [8], t[0].Device)),
            v => [.. from j in Enumerable.Range(0, 8) from i in Enumerable.Range(0, 4) select Picks[j] < 0 ? 0 : v[0][(Picks[j] * 4) + i]]),
        new OpCase(
            "along the last axis",
            [[2, 3]],
            t => t[0].Gather(-1, Tensor.From(Picks, [2, 4], t[0].Device)),
            v => [.. Enumerable.Range(0, 8).Select(i => Picks[i] < 0 ? 0 : v[0][(i / 4 * 3) + Picks[i]])]),
        new OpCase(
            "along the first axis",
            [[3, 2]],
            t => t[0].Gather(0, Tensor.From(Picks, [4, 2], t[0].Device)),
            v => [.. Enumerable.Range(0, 8).Select(i => Picks[i] < 0 ? 0 : v[0][(Picks[i] * 2) + (i % 2)])]),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void LabelsAreGatheredToo()
    {
        using StepScope scope = StepScope.Begin();
        Tensor labels = Tensor.From([10, -20, 30], [1, 3]);
        Assert.Equal([30, -20, 0], labels.GatherRows(Tensor.From([2, 1, -1], [1, 3])).ToArray<int>());
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor x = Tensor.Zeros([2, 3, 4]);
        Assert.Equal(
            "GatherRows: index must be [batch, picks] with batch = 2, got [3, 1].",
            Assert.Throws<ShapeException>(() => x.GatherRows(Tensor.Zeros([3, 1], DType.I32))).Message);
        Assert.Equal("Gather: index must be I32, got F32.", Assert.Throws<ShapeException>(() => x.Gather(0, x)).Message);
        Assert.Equal(
            "Gather: index must be [2, 3, 4] except along axis 1, got [2, 3].",
            Assert.Throws<ShapeException>(() => x.Gather(1, Tensor.Zeros([2, 3], DType.I32))).Message);
    }

    private static OpCase Rows(int channels) => new(
        $"rows of {channels}",
        [[2, 3, channels]],
        t => t[0].GatherRows(Tensor.From(Picks, [2, 4], t[0].Device)),
        v => [.. from t in Enumerable.Range(0, 8) from i in Enumerable.Range(0, channels) select Picks[t] < 0 ? 0 : v[0][(((t / 4 * 3) + Picks[t]) * channels) + i]]);
}
