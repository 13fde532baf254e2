using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class AssignIouTests
{
    private const int Rows = 150;
    private const int Most = 4;
    private const int Regions = 2;
    private static readonly int[] TruthCounts = [4, 0, 2];
    private static readonly int[] RegionCounts = [2, 1, 0];

    public static TheoryData<MaxIouSettings> Settings =>
    [
        new MaxIouSettings(0.7f, 0.3f, 0.3f, true), // region proposals
        new MaxIouSettings(0.5f, 0.5f, 0.5f, false), // pooled regions
        new MaxIouSettings(0.5f, 0.4f, 0, true), // RetinaNet
        new MaxIouSettings(0.1f, 0.1f, 0, true), // PAA
        new MaxIouSettings(0.6f, 0.3f, 0.1f, true, AllBest: false, NegativeFrom: 0.1f),
        new MaxIouSettings(0.7f, 0.3f, 0.3f, true, IgnoreThreshold: 0.5f),
        new MaxIouSettings(0.5f, 0.5f, 0.5f, false, IgnoreThreshold: 0.4f, IgnoresByPrior: false),
    ];

    [Theory, MemberData(nameof(Settings), DisableDiscoveryEnumeration = true)]
    public void Agrees(MaxIouSettings settings)
    {
        float[] truth = Boxes(3 * Most, 5), regions = Boxes(3 * Regions, 6);
        foreach ((bool isOwn, bool hasValid, bool hasCounts) in new[] { (false, false, false), (false, true, false), (true, true, true) })
        {
            float[] boxes = Boxes(isOwn ? 3 * Rows : Rows, 7);
            truth.AsSpan(0, 16).CopyTo(boxes.AsSpan(400)); // perfect priors, some of them twice
            truth.AsSpan(0, 8).CopyTo(boxes.AsSpan(100));
            byte[]? valid = hasValid ? [.. Enumerable.Range(0, 3 * Rows).Select(i => (byte)(i % 7 == 3 ? 0 : 1))] : null;
            int[]? counts = hasCounts ? [Rows, 70, 101] : null;
            (int[] index, float[] overlaps) = Expected(settings, boxes, isOwn, valid, counts, truth, regions);
            foreach (int workers in new[] { 1, 2, 3, 7 })
            {
                using DeviceUnderTest device = new(workers);
                using StepScope scope = StepScope.Begin();
                (Tensor foundIndex, Tensor foundOverlaps) = Tensor.From(boxes, isOwn ? [3, Rows, 4] : [Rows, 4], device).AssignIou(
                    valid is null ? null : Tensor.From(valid, [3, Rows], device),
                    counts is null ? null : Tensor.From(counts, [3], device),
                    Tensor.From(truth, [3, Most, 4], device),
                    Tensor.From(TruthCounts, [3], device),
                    settings,
                    new IgnoredRegions(Tensor.From(regions, [3, Regions, 4], device), Tensor.From(RegionCounts, [3], device)));
                Assert.Equal(index, foundIndex.ToArray<int>());
                Assert.Equal(overlaps, foundOverlaps.ToArray()); // every bit: thresholds and ties hang on it
            }
        }
    }

    [Fact]
    public void TheSpecsExample()
    {
        // Spec/losses-and-assignment.md §10.1: nine anchors of each cell, two objects, one of which has several best anchors.
        using DeviceUnderTest device = new(2);
        using StepScope scope = StepScope.Begin();
        Tensor anchors = new FeatureLevels([(8, 8)], device).Anchors(new AnchorShape(4, 3, [0.5f, 1, 2]), 8);
        Tensor truth = Tensor.From([10f, 10, 50, 40, 30, 20, 62, 60], [1, 2, 4], device);
        int[] index = anchors.AssignIou(null, null, truth, Tensor.From([2], [1], device), new(0.7f, 0.3f, 0.3f, true)).Index.ToArray<int>();
        Assert.Equal([(255, 0), (409, 1), (417, 1), (418, 1)], Enumerable.Range(0, 576).Where(i => index[i] >= 0).Select(i => (i, index[i])));
        Assert.Equal((344, 228), (index.Count(k => k == -1), index.Count(k => k == -2)));
    }

    [Fact]
    public void NoPriorsAndNoObjects()
    {
        using DeviceUnderTest device = new(2);
        using StepScope scope = StepScope.Begin();
        Tensor none = Tensor.From([0], [1], device), padding = Tensor.Zeros([1, 1, 4], device: device);
        MaxIouSettings settings = new(0.7f, 0.3f, 0.3f, true);
        Assert.Empty(Tensor.Zeros([0, 4], device: device).AssignIou(null, null, padding, none, settings).Index.ToArray<int>());
        Tensor boxes = Tensor.From([0f, 0, 1, 1, 3, 3, 3, 3], [2, 4], device);
        Assert.Equal([-1, -1], boxes.AssignIou(null, null, padding, none, settings).Index.ToArray<int>());
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor boxes = Tensor.Zeros([5, 4]), truth = Tensor.Zeros([2, 3, 4]), counts = Tensor.Zeros([2], DType.I32);
        MaxIouSettings settings = new(0.7f, 0.3f, 0.3f, true);
        Assert.Equal(
            "AssignIou: valid must be [batch, rows] = [2, 5], got [5].",
            Assert.Throws<ShapeException>(() => boxes.AssignIou(Tensor.Zeros([5], DType.U8), null, truth, counts, settings)).Message);
        Assert.Equal(
            "AssignIou: truthCounts must be [batch] = [2], got [3].",
            Assert.Throws<ShapeException>(() => boxes.AssignIou(null, null, truth, Tensor.Zeros([3], DType.I32), settings)).Message);
    }

    private static float[] Boxes(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).SelectMany(i =>
        {
            // Half of them on a grid, as anchors are: many equal overlaps.
            float x = i % 2 == 0 ? random.Next(12) * 8 : random.NextSingle() * 90, y = i % 2 == 0 ? random.Next(12) * 8 : random.NextSingle() * 90;
            float w = i % 2 == 0 ? 32 : 1 + (random.NextSingle() * 60), h = i % 2 == 0 ? 32 : 1 + (random.NextSingle() * 60);
            return new[] { x, y, x + w, y + h };
        })];
    }

    private static (int[] Index, float[] Overlaps) Expected(
        MaxIouSettings settings, float[] boxes, bool isOwn, byte[]? valid, int[]? counts, float[] truth, float[] regions)
    {
        int[] index = new int[3 * Rows];
        float[] overlaps = new float[3 * Rows];
        for (int b = 0; b < 3; b++)
        {
            bool hasTruth = TruthCounts[b] > 0;
            ReadOnlySpan<float> Prior(int i) => boxes.AsSpan(((isOwn ? b * Rows : 0) + i) * 4, 4);
            bool Counts(int i) => (valid is null || valid[(b * Rows) + i] != 0) && (counts is null || i < counts[b])
                && !(hasTruth && IsIgnored(settings, Prior(i).ToArray(), regions, b));
            float Iou(int k, int i) => Counts(i) ? Overlap(truth.AsSpan(((b * Most) + k) * 4, 4), Prior(i)) : -1;
            for (int i = 0; i < Rows; i++)
            {
                float[] own = [.. Enumerable.Range(0, TruthCounts[b]).Select(k => Iou(k, i))];
                float top = hasTruth ? own.Max() : Counts(i) ? 0 : -1;
                overlaps[(b * Rows) + i] = top;
                index[(b * Rows) + i] = !Counts(i) ? -2
                    : hasTruth && top >= settings.Positive ? Array.IndexOf(own, top)
                    : !hasTruth || (top >= settings.NegativeFrom && top < settings.Negative) ? -1 : -2;
            }

            for (int k = 0; settings.MatchesLowQuality && k < TruthCounts[b]; k++)
            {
                float best = Enumerable.Range(0, Rows).Max(i => Iou(k, i));
                int[] takers = [.. Enumerable.Range(0, Rows).Where(i => best >= settings.LeastPositive && Iou(k, i) == best)];
                foreach (int i in settings.AllBest ? takers : takers.Take(1))
                {
                    index[(b * Rows) + i] = k;
                }
            }
        }

        return (index, overlaps);
    }

    private static bool IsIgnored(MaxIouSettings settings, float[] prior, float[] regions, int picture) =>
        settings.IgnoreThreshold > 0 && Enumerable.Range(0, RegionCounts[picture]).Any(k =>
        {
            ReadOnlySpan<float> region = regions.AsSpan(((picture * Regions) + k) * 4, 4);
            return Shared(prior, region) / Math.Max(Area(settings.IgnoresByPrior ? prior : region), 1e-6f) > settings.IgnoreThreshold;
        });

    /// <summary>In f32 step by step, as the reference does it.</summary>
    private static float Overlap(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        float shared = Shared(a, b), sum = Area(a) + Area(b);
        return shared / Math.Max(sum - shared, 1e-6f);
    }

    private static float Area(ReadOnlySpan<float> a) => (a[2] - a[0]) * (a[3] - a[1]);

    private static float Shared(ReadOnlySpan<float> a, ReadOnlySpan<float> b) =>
        Math.Max(Math.Min(a[2], b[2]) - Math.Max(a[0], b[0]), 0) * Math.Max(Math.Min(a[3], b[3]) - Math.Max(a[1], b[1]), 0);
}
