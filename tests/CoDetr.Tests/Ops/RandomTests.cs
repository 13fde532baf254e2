using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class RandomTests
{
    private static readonly int[] Seed = [123456789, -42];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void NumbersArePhiloxs(int workers)
    {
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        Tensor seed = Tensor.From(Seed, [2], device);
        foreach (int stream in new[] { 0, 7, -3 })
        {
            Assert.Equal(Expected(stream, 1003), seed.RandomUniform(stream, [17, 59]).ToArray()); // 1003: not a multiple of four
            Assert.Equal(Expected(stream, 6), seed.RandomUniform(stream, [2, 3]).ToArray());
        }

        Assert.Empty(seed.RandomUniform(0, [0, 3]).ToArray());
    }

    [Fact]
    public void TheGeneratorIsThePublishedOne()
    {
        // Known answers of the authors' Random123: all zeros, and all ones.
        Assert.Equal([0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u], Philox([0, 0, 0, 0], 0, 0));
        Assert.Equal([0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu], Philox([~0u, ~0u, ~0u, ~0u], ~0u, ~0u));
    }

    [Fact]
    public void NumbersAreUniform()
    {
        using DeviceUnderTest device = new(2);
        using StepScope scope = StepScope.Begin();
        double[] x = [.. Tensor.From(Seed, [2], device).RandomUniform(5, [20_000]).ToArray().Select(v => (double)v)];
        double mean = x.Average(), variance = x.Average(v => (v - mean) * (v - mean));
        double neighbours = x.Zip(x.Skip(1), (a, b) => (a - mean) * (b - mean)).Average();
        Assert.All(x, v => Assert.InRange(v, 0, 1 - Math.Pow(2, -24)));
        Assert.Equal(0.5, mean, 0.01); // five deviations
        Assert.Equal(1 / 12.0, variance, 0.003);
        Assert.Equal(0, neighbours, 0.003);
        Assert.True(x.Distinct().Count() > 19_900);
    }

    [Fact]
    public void EachConsumerHasItsOwnNumbers()
    {
        using StepScope scope = StepScope.Begin();
        Draws draws = Draws.From(Tensor.From(Seed));
        float[] first = draws.For("rpn").Uniform("positives", [2, 9]).ToArray();
        float[] other = draws.For("roi").Uniform("positives", [2, 9]).ToArray(), third = draws.For("rpn").Uniform("negatives", [2, 9]).ToArray();
        Assert.NotEqual(first, other);
        Assert.NotEqual(first, third);
        Assert.Equal(first, draws.For("rpn").Uniform("positives", [2, 9]).ToArray()); // whoever drew in between
        Assert.NotEqual(first, Draws.From(Tensor.From(Seed[0] + 1, Seed[1])).For("rpn").Uniform("positives", [2, 9]).ToArray());
    }

    [Fact]
    public void GivenNumbersAreTakenByName()
    {
        using StepScope scope = StepScope.Begin();
        Draws draws = Draws.Given(new Dictionary<string, Tensor> { ["roi.negatives"] = Tensor.From([1f, 2, 3, 4], [2, 2]) }).For("roi");
        Assert.Equal([1, 2, 3, 4], draws.Uniform("negatives", [2, 2]).ToArray());
        Assert.Equal([0, 0], draws.Uniform("positives", [2, 1]).ToArray());
        Assert.Equal(
            "Uniform: numbers must be [4], got [2, 2].", Assert.Throws<ShapeException>(() => draws.Uniform("negatives", [4])).Message);
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Assert.Equal(
            "RandomUniform: seed must be [2] = [2], got [3].", Assert.Throws<ShapeException>(() => Tensor.From(1, 2, 3).RandomUniform(0, [4])).Message);
        Assert.Equal("RandomUniform: seed must be I32, got F32.", Assert.Throws<ShapeException>(() => Tensor.From(1f, 2f).RandomUniform(0, [4])).Message);
    }

    private static float[] Expected(int stream, int count) =>
        [.. Enumerable.Range(0, count).Select(i => (Philox([(uint)(i / 4), 0, (uint)stream, 0], (uint)Seed[0], (uint)Seed[1])[i % 4] >> 8) / 16777216f)];

    /// <summary>Philox 4x32 with ten rounds, as its authors describe it (Salmon et al., 2011).</summary>
    private static uint[] Philox(uint[] counter, uint key0, uint key1)
    {
        for (int round = 0; round < 10; round++, key0 += 0x9E3779B9, key1 += 0xBB67AE85)
        {
            ulong first = 0xD2511F53ul * counter[0], second = 0xCD9E8D57ul * counter[2];
            counter = [(uint)(second >> 32) ^ counter[1] ^ key0, (uint)second, (uint)(first >> 32) ^ counter[3] ^ key1, (uint)first];
        }

        return counter;
    }
}
