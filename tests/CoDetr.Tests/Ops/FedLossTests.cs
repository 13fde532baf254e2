using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class FedLossTests
{
    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(7)]
    public void TheSmallestKeysOfExponentialRacesJoinWhatIsShown(int workers)
    {
        using DeviceUnderTest device = new(workers);
        Random random = new(4);
        int[] labels = [7, 3, 3, 99, 99, 99, 99, 99, 0, 7, 99, 99], counts = [3, 0, 2]; // beyond a picture's count nothing is read
        float[] frequencies = [.. Enumerable.Range(0, 1203).Select(i => i % 5 == 4 ? 0f : random.Next(1, 3000))];
        float[] numbers = [.. frequencies.Select(_ => random.NextSingle())];
        foreach (int sampled in (int[])[0, 3, 4, 50, 1203])
        {
            HashSet<int> expected = [7, 3, 0];
            IEnumerable<int> drawn = Enumerable.Range(0, 1203).Where(c => frequencies[c] > 0);
            foreach (int c in drawn.OrderBy(c => -Math.Log(1 - (double)numbers[c]) / Math.Sqrt(frequencies[c])))
            {
                if (expected.Count < sampled)
                {
                    expected.Add(c);
                }
            }

            using StepScope scope = StepScope.Begin();
            float[] mask = Tensor.From(labels, [3, 4], device).FederatedClasses(
                Tensor.From(counts, [3], device), Tensor.From(frequencies, [1203], device), Tensor.From(numbers, [1203], device), sampled).ToArray();
            Assert.Equal(expected.Order(), Enumerable.Range(0, 1203).Where(c => mask[c] == 1));
            Assert.Equal(1203 - expected.Count, mask.Count(x => x == 0));
        }
    }

    [Fact]
    public void ClassesAreDrawnByTheRootOfTheirFrequency()
    {
        using StepScope scope = StepScope.Begin();
        Tensor nothing = Tensor.Zeros([1, 1], DType.I32), none = Tensor.From(0), frequencies = Tensor.From(1f, 4f, 9f);
        int[] drawn = new int[3];
        for (int i = 0; i < 1200; i++)
        {
            float[] mask = nothing.FederatedClasses(none, frequencies, Tensor.From(i, 5).RandomUniform(3, [3]), 1).ToArray();
            drawn[Array.IndexOf(mask, 1)]++;
        }

        Assert.All(drawn.Select((count, c) => Math.Abs(count - (200 * (c + 1)))), off => Assert.InRange(off, 0, 60)); // four standard deviations
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        using StepScope scope = StepScope.Begin();
        Tensor three = Tensor.Zeros([3]);
        ShapeException error = Assert.Throws<ShapeException>(() =>
            Tensor.Zeros([2, 4], DType.I32).FederatedClasses(Tensor.From(1, 2), three, Tensor.Zeros([4])));
        Assert.Equal("FederatedClasses: numbers must be [classes] = [3], got [4].", error.Message);
    }
}
