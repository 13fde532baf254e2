using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class NmsTests
{
    private static readonly float[] Unit = [0, 0, 10, 10];

    [Theory]
    [InlineData(1, 1, 1, 0.5f), InlineData(64, 64, 3, 0.5f), InlineData(65, 20, 1, 0.3f), InlineData(700, 150, 4, 0.6f), InlineData(8000, 300, 5, 0.7f)]
    public void KeepsWhatThePlainLoopKeeps(int total, int most, int groups, float threshold)
    {
        Scene scene = Scene.Random(2, total, groups);
        int[] first = Kept(scene, threshold, most).Kept;
        for (int b = 0; b < 2; b++)
        {
            Assert.Equal(Plain(scene, b, threshold, most, float.NegativeInfinity), first.AsSpan(b * most, most).ToArray().Where(i => i >= 0));
        }

        foreach (int workers in DeviceUnderTest.OtherWorkers)
        {
            Assert.Equal(first, Kept(scene, threshold, most, workers: workers).Kept);
        }
    }

    [Fact]
    public void ScoresBelowTheThresholdAndBoxesBeyondTheCountAreNoCandidates()
    {
        Scene scene = Scene.Random(3, 90, 2);
        (int[] kept, int[] found) = Kept(scene, 0.4f, 50, counts: [90, 0, 31], above: 0.5f);
        for (int b = 0; b < 3; b++)
        {
            int[] expected = Plain(scene, b, 0.4f, 50, 0.5f, new[] { 90, 0, 31 }[b]);
            Assert.Equal(expected.Length, found[b]);
            Assert.Equal([.. expected, .. Enumerable.Repeat(-1, 50 - expected.Length)], kept[(b * 50)..((b + 1) * 50)]);
        }
    }

    [Fact]
    public void EqualScoresAreTakenInTheirOrder()
    {
        // Far apart, so that all stay: 70 of two scores, zeros of both signs among them.
        float[] boxes = [.. Enumerable.Range(0, 70).SelectMany(i => (float[])[20 * i, 0, (20 * i) + 10, 10])];
        float[] scores = [.. Enumerable.Range(0, 70).Select(i => i % 3 == 0 ? 0.25f : i % 2 == 0 ? 0f : -0f)];
        int[] kept = Kept(new Scene(1, boxes, scores, null), 0.5f, 70).Kept;
        Assert.Equal(Enumerable.Range(0, 70).OrderBy(i => i % 3 == 0 ? 0 : 1), kept);
    }

    [Fact]
    public void IdenticalBoxesLeaveTheFirstOfEachGroup()
    {
        float[] boxes = [.. Enumerable.Range(0, 200).SelectMany(_ => Unit)], scores = [.. Enumerable.Repeat(0.5f, 200)];
        Assert.Equal([0, -1, -1], Kept(new Scene(1, boxes, scores, null), 0.5f, 3).Kept);
        int[] groups = [.. Enumerable.Range(0, 200).Select(i => i == 150 ? 7 : -3)];
        Assert.Equal([0, 150, -1], Kept(new Scene(1, boxes, scores, groups), 0.5f, 3).Kept);
    }

    [Fact]
    public void OnlyMoreThanTheThresholdIsDropped()
    {
        float[] boxes = [0, 0, 10, 10, 0, 0, 5, 10, 0, 0, 6, 10], scores = [0.9f, 0.8f, 0.7f]; // IoU 0.5, 0.6 with the first; 5/6 of each other
        Assert.Equal([0, 1, -1], Kept(new Scene(1, boxes, scores, null), 0.5f, 3).Kept);
    }

    [Fact]
    public void BoxesWithoutAreaDropNothingAndScoresThatAreNoNumbersAreNotKept()
    {
        float[] boxes = [5, 5, 5, 5, 5, 5, 5, 5, 0, 0, 10, 10, 8, 8, 2, 2, 1, 1, 9, 9], scores = [0.9f, 0.8f, 0.7f, 0.6f, float.NaN];
        Assert.Equal([0, 1, 2, 3, -1], Kept(new Scene(1, boxes, scores, null), 0.5f, 5).Kept);
    }

    [Fact]
    public void NoBoxesAndNoneWanted()
    {
        (int[] kept, int[] found) = Kept(new Scene(2, [], [], null), 0.5f, 3);
        Assert.Equal([-1, -1, -1, -1, -1, -1], kept);
        Assert.Equal([0, 0], found);
        (kept, found) = Kept(new Scene(1, Unit, [1], null), 0.5f, 0);
        Assert.Empty(kept);
        Assert.Equal([0], found);
        Assert.Equal([0, -1, -1, -1], Kept(new Scene(1, Unit, [-1], null), 0.5f, 4).Kept); // a negative score is one
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor boxes = Tensor.Zeros([2, 5, 4]), scores = Tensor.Zeros([2, 5]);
        Assert.Equal(
            "Nms: boxes must be [batch, boxes, 4] = [2, 5, 4], got [2, 5].", Assert.Throws<ShapeException>(() => Tensor.Nms(scores, scores, 0.5f, 3)).Message);
        Assert.Equal("Nms: groups must be I32, got F32.", Assert.Throws<ShapeException>(() => Tensor.Nms(boxes, scores, 0.5f, 3, scores)).Message);
        Assert.Equal(
            "Nms: counts must be [batch] = [2], got [5].",
            Assert.Throws<ShapeException>(() => Tensor.Nms(boxes, scores, 0.5f, 3, counts: Tensor.Zeros([5], DType.I32))).Message);
        Assert.Equal("Nms: most must not be negative, got -1.", Assert.Throws<ShapeException>(() => Tensor.Nms(boxes, scores, 0.5f, -1)).Message);
    }

    private static (int[] Kept, int[] Found) Kept(Scene scene, float threshold, int most, int[]? counts = null, float? above = null, int workers = 2)
    {
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        (Tensor boxes, Tensor scores, Tensor? groups) = scene.Upload(device);
        (Tensor kept, Tensor found) = Tensor.Nms(
            boxes, scores, threshold, most, groups, counts is null ? null : Tensor.From(counts, [counts.Length], device), above ?? float.NegativeInfinity);
        return (kept.ToArray<int>(), found.ToArray<int>());
    }

    private static int[] Plain(Scene scene, int image, float threshold, int most, float above, int? count = null)
    {
        List<int> kept = [];
        foreach (int i in Enumerable.Range(0, count ?? scene.Total).Where(i => scene.Score(image, i) > above).OrderByDescending(i => scene.Score(image, i)))
        {
            if (kept.Count < most && !kept.Exists(k => scene.Meet(image, k, i) && scene.IoU(image, k, i) > threshold))
            {
                kept.Add(i);
            }
        }

        return [.. kept];
    }
}

/// <summary>Boxes of a few pictures, with scores and groups.</summary>
internal sealed record Scene(int Batch, float[] Boxes, float[] Scores, int[]? Groups)
{
    internal int Total => Scores.Length / Batch;

    /// <summary>Boxes of 10 to 60 pixels in a square that holds about 30 side by side; every fourth score is one of four.</summary>
    internal static Scene Random(int batch, int total, int groups)
    {
        Random random = new(total + groups);
        float[] boxes = new float[batch * total * 4], scores = new float[batch * total];
        int[] classes = new int[batch * total];
        for (int i = 0; i < scores.Length; i++)
        {
            (float x, float y) = (random.NextSingle() * 200, random.NextSingle() * 200);
            (boxes[4 * i], boxes[(4 * i) + 1]) = (x, y);
            (boxes[(4 * i) + 2], boxes[(4 * i) + 3]) = (x + 10 + (random.NextSingle() * 50), y + 10 + (random.NextSingle() * 50));
            scores[i] = random.Next(4) == 0 ? random.Next(4) / 4f : random.NextSingle();
            classes[i] = random.Next(groups);
        }

        return new Scene(batch, boxes, scores, groups > 1 ? classes : null);
    }

    internal (Tensor Boxes, Tensor Scores, Tensor? Groups) Upload(Device device) => (
        Tensor.From(Boxes, [Batch, Total, 4], device), Tensor.From(Scores, [Batch, Total], device),
        Groups is null ? null : Tensor.From(Groups, [Batch, Total], device));

    internal float Score(int image, int i) => Scores[(image * Total) + i];

    internal bool Meet(int image, int i, int j) => Groups is null || Groups[(image * Total) + i] == Groups[(image * Total) + j];

    internal double IoU(int image, int i, int j)
    {
        ReadOnlySpan<float> a = Boxes.AsSpan(((image * Total) + i) * 4, 4), b = Boxes.AsSpan(((image * Total) + j) * 4, 4);
        double width = Math.Max(Math.Min(a[2], b[2]) - (double)Math.Max(a[0], b[0]), 0), height = Math.Max(Math.Min(a[3], b[3]) - (double)Math.Max(a[1], b[1]), 0);
        double areas = (((double)a[2] - a[0]) * ((double)a[3] - a[1])) + (((double)b[2] - b[0]) * ((double)b[3] - b[1]));
        return width * height / (areas - (width * height));
    }
}
