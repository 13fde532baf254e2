using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class AccumulateTests
{
    private const int Count = 1001;

    [Fact]
    public void AddsAndFillsInPlaceForAnyNumberOfWorkers()
    {
        float[] x = [.. Enumerable.Range(0, Count).Select(i => i * 0.37f)], y = [.. Enumerable.Range(0, Count).Select(i => 5 - (i * 0.11f))];
        foreach (int workers in (int[])[1, 2, 3, 7])
        {
            using DeviceUnderTest device = new(workers);
            Tensor into = Tensor.From(y, [Count], device), from = Tensor.From(x, [Count], device);
            into.AddInPlace(from);
            Assert.Equal(y.Zip(x, (a, b) => a + b), into.ToArray());

            Assert.All(into.Fill(3).ToArray(), value => Assert.Equal(3, value));
        }
    }

    [Fact]
    public void NamesWhatDoesNotFit() => Assert.Equal(
        "AddInPlace: cannot add [2] into [3].", Assert.Throws<ShapeException>(() => Tensor.Zeros([3]).AddInPlace(Tensor.Zeros([2]))).Message);
}
