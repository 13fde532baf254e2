using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class PriorCandidatesTests
{
    private const int Rows = 37;
    private static readonly int[] Fates = [.. Enumerable.Range(0, 2 * Rows).Select(i => (i % 5) - 2)];
    private static readonly byte[] Valid = [.. Enumerable.Range(0, 2 * Rows).Select(i => (byte)(i % 3 == 0 ? 0 : 1))];

    [Theory, InlineData(true), InlineData(false)]
    public void EveryPictureHasThePriors(bool isPartlyValid) => new OpCase(
        $"partly valid: {isPartlyValid}",
        [[Rows, 4]],
        t => t[0].PriorCandidates(Tensor.From(Fates, [2, Rows], t[0].Device), isPartlyValid ? Tensor.From(Valid, [2, Rows], t[0].Device) : null).Boxes,
        v => [.. Enumerable.Range(0, 8 * Rows).Select(i => isPartlyValid && Valid[i / 4] == 0 ? 0 : v[0][i % (4 * Rows)])])
    {
        HasHalf = false,
        IsDifferentiable = false,
    }.Verify();

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(7)]
    public void WhatIsNotValidIsBackground(int workers)
    {
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        Tensor priors = Tensor.Zeros([Rows, 4], device: device), fates = Tensor.From(Fates, [2, Rows], device);
        Assert.Equal(
            Fates.Zip(Valid, (fate, valid) => valid == 0 ? -1 : fate),
            priors.PriorCandidates(fates, Tensor.From(Valid, [2, Rows], device)).Index.ToArray<int>());
        Assert.Equal(Fates, priors.PriorCandidates(fates, null).Index.ToArray<int>());
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "PriorCandidates: priors must be [rows, 4] = [3, 4], got [2, 4].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 4]).PriorCandidates(Tensor.Zeros([1, 3], DType.I32), null)).Message);
}
