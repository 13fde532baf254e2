using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class SoftNmsTests
{
    public static TheoryData<int, int, int, SoftNmsSettings> Cases => new()
    {
        { 1, 3, 1, new SoftNmsSettings() },
        { 90, 90, 3, new SoftNmsSettings(SoftNmsMethod.Linear, 0.5f) },
        { 90, 30, 1, new SoftNmsSettings(SoftNmsMethod.Gaussian, 0.5f, 0.5f, 0.05f) },
        { 90, 90, 2, new SoftNmsSettings(SoftNmsMethod.Naive, 0.4f) },
        { 1500, 300, 5, new SoftNmsSettings(SoftNmsMethod.Linear, 0.8f) },
    };

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void TakesWhatThePlainLoopTakes(int total, int most, int groups, SoftNmsSettings settings)
    {
        Scene scene = Scene.Random(2, total, groups);
        (int[] kept, float[] scores, int[] found) = Taken(scene, settings, most);
        for (int b = 0; b < 2; b++)
        {
            (int Place, double Score)[] expected = Plain(scene, b, settings, most);
            Assert.Equal(expected.Length, found[b]);
            Assert.Equal([.. expected.Select(e => e.Place), .. Enumerable.Repeat(-1, most - expected.Length)], kept[(b * most)..((b + 1) * most)]);
            Assert.All(expected.Index(), e => Assert.Equal(e.Item.Score, scores[(b * most) + e.Index], 1e-5));
            Assert.All(scores[((b * most) + expected.Length)..((b + 1) * most)], score => Assert.Equal(0, score));
        }

        foreach (int workers in DeviceUnderTest.OtherWorkers)
        {
            (int[] again, float[] scoresAgain, _) = Taken(scene, settings, most, workers: workers);
            Assert.Equal(kept, again);
            Assert.Equal(scores, scoresAgain);
        }
    }

    [Fact]
    public void TheVeryFirstIsKeptHoweverLowItsScore()
    {
        float[] boxes = [0, 0, 10, 10, 50, 50, 60, 60];
        (int[] kept, float[] scores, int[] found) = Taken(new Scene(1, boxes, [1e-5f, 2e-5f], null), new SoftNmsSettings(), 2);
        Assert.Equal([1, -1], kept);
        Assert.Equal([2e-5f, 0], scores);
        Assert.Equal([1], found);
    }

    [Fact]
    public void IdenticalBoxesAreTakenInTheirOrderByGroup()
    {
        float[] boxes = [.. Enumerable.Range(0, 40).SelectMany(_ => (float[])[0, 0, 10, 10])], scores = [.. Enumerable.Repeat(0.5f, 40)];
        int[] groups = [.. Enumerable.Range(0, 40).Select(i => i / 20)];
        Assert.Equal([0, 20, -1], Taken(new Scene(1, boxes, scores, groups), new SoftNmsSettings(), 3).Kept);
    }

    [Theory]
    [InlineData(SoftNmsMethod.Linear), InlineData(SoftNmsMethod.Gaussian), InlineData(SoftNmsMethod.Naive)]
    public void BoxesWithoutAreaLowerNothingAndScoresThatAreNoNumbersAreNotTaken(SoftNmsMethod method)
    {
        float[] boxes = [5, 5, 5, 5, 5, 5, 5, 5, 8, 8, 2, 2, 1, 1, 9, 9], given = [0.9f, 0.8f, 0.7f, float.NaN];
        (int[] kept, float[] scores, _) = Taken(new Scene(1, boxes, given, null), new SoftNmsSettings(method), 4);
        Assert.Equal([0, 1, 2, -1], kept);
        Assert.Equal([0.9f, 0.8f, 0.7f, 0], scores);
    }

    [Fact]
    public void CountsAndScoreThresholdChooseTheCandidates()
    {
        Scene scene = Scene.Random(2, 30, 1);
        (int[] kept, _, int[] found) = Taken(scene, new SoftNmsSettings(), 5, [0, 12], 0.3f);
        Assert.Equal([0, 5], found);
        Assert.Equal([-1, -1, -1, -1, -1], kept[..5]);
        Assert.All(kept[5..], i => Assert.True(i < 12 && scene.Score(1, i) > 0.3f));
        Assert.Equal([-1, -1], Taken(new Scene(1, [], [], null), new SoftNmsSettings(), 2).Kept);
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "SoftNms: boxes must be [batch, boxes, 4] = [2, 5, 4], got [2, 4, 4].",
        Assert.Throws<ShapeException>(() => Tensor.SoftNms(Tensor.Zeros([2, 4, 4]), Tensor.Zeros([2, 5]), new SoftNmsSettings(), 3)).Message);

    private static (int[] Kept, float[] Scores, int[] Found) Taken(
        Scene scene, SoftNmsSettings settings, int most, int[]? counts = null, float? above = null, int workers = 2)
    {
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        (Tensor boxes, Tensor scores, Tensor? groups) = scene.Upload(device);
        (Tensor kept, Tensor lowered, Tensor found) = Tensor.SoftNms(
            boxes, scores, settings, most, groups, counts is null ? null : Tensor.From(counts, [counts.Length], device), above ?? float.NegativeInfinity);
        return (kept.ToArray<int>(), lowered.ToArray(), found.ToArray<int>());
    }

    private static (int Place, double Score)[] Plain(Scene scene, int image, SoftNmsSettings settings, int most)
    {
        Dictionary<int, double> left = Enumerable.Range(0, scene.Total).ToDictionary(i => i, i => (double)scene.Score(image, i));
        List<(int Place, double Score)> taken = [];
        while (left.Count > 0 && taken.Count < most)
        {
            (int best, double score) = left.OrderByDescending(e => e.Value).ThenBy(e => e.Key).First();
            taken.Add((best, score));
            left.Remove(best);
            foreach (int i in left.Keys.ToArray())
            {
                double iou = scene.Meet(image, best, i) ? scene.IoU(image, best, i) : 0;
                left[i] *= settings.Method == SoftNmsMethod.Gaussian ? Math.Exp(-iou * iou / settings.Sigma)
                    : iou < settings.Threshold ? 1 : settings.Method == SoftNmsMethod.Linear ? 1 - iou : 0;
                if (left[i] < settings.LeastScore)
                {
                    left.Remove(i);
                }
            }
        }

        return [.. taken];
    }
}
