using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

[Collection(Alone.Name)] // uploads and waits of the default device are counted
public sealed class DinoQueryHeadTests
{
    private const int Width = 32;

    private static readonly DetectorConfig Config = new()
    {
        Kind = QueryKind.Dino,
        Classes = 4,
        Levels = 2,
        Width = Width,
        Heads = 4,
        Points = 2,
        FeedForward = 32,
        EncoderLayers = 1,
        DecoderLayers = 2,
        Queries = 6,
        UsesQuality = true,
        ClassWeight = 1,
        Denoising = new DenoisingSettings { Queries = 6 },
    };

    [Fact]
    public void AGroupPredictsTheSameAloneAndAmongOthers()
    {
        using Parts parts = new();
        IReadOnlyList<QueryGroup> groups = [.. parts.Groups([2, 3]), Positive(parts, 5, 1), Positive(parts, 9, 2)];
        Assert.Equal([12, 6, 5, 9], groups.Select(group => group.Span.Count)); // two parts of 3 positives and 3 negatives
        QueryPredictions together = parts.Head.Decode(parts.Encoded, groups, parts.Grid);
        int begin = 0;
        for (int i = 0; i < groups.Count; i++)
        {
            int count = groups[i].Span.Count;
            if (i > 0)
            {
                QueryPredictions alone = parts.Head.Decode(parts.Encoded, [groups[i]], parts.Grid);
                for (int layer = 0; layer < Config.DecoderLayers; layer++)
                {
                    Close(alone.Logits[layer], together.Logits[layer].Slice(1, begin, count));
                    Close(alone.Boxes[layer], together.Boxes[layer].Slice(1, begin, count));
                }
            }

            begin += count;
        }
    }

    [Fact]
    public void DenoisingQueriesSeeTheMainOnesAndTheirOwnPart()
    {
        using Parts parts = new();
        IReadOnlyList<QueryGroup> groups = parts.Groups([3, 1]);
        QueryGroup noisy = groups[0];
        float[] before = parts.Head.Decode(parts.Encoded, groups, parts.Grid).Logits[^1].Slice(1, 0, 6).ToArray();
        float[] Changed(int begin, int count, QueryGroup[] others) => parts.Head.Decode(
            parts.Encoded, [noisy with { Content = Shifted(noisy.Content, begin, count) }, .. others], parts.Grid).Logits[^1].Slice(1, 0, 6).ToArray();
        Assert.Equal(before, Changed(6, 6, [groups[1]])); // the other part
        Assert.NotEqual(before, Changed(0, 1, [groups[1]]));
        Assert.NotEqual(before, Changed(0, 0, [groups[1] with { Content = Shifted(groups[1].Content, 0, 6) }]));
    }

    [Theory, InlineData(new[] { 0, 0 }, 0), InlineData(new[] { 0, 1 }, 12), InlineData(new[] { 2, 3 }, 12), InlineData(new[] { 12, 0 }, 24)]
    public void AStepNeitherUploadsNorWaits(int[] objects, int denoising)
    {
        using Parts parts = new();
        Truth truth = Parts.Objects(objects);
        Tensor sizes = ImageBatch.Upload(Parts.Sizes), seed = Tensor.From(1, 2);
        (long uploads, long waits) = (Device.Default.Uploads, Device.Default.Waits);
        EncoderOutput encoded = parts.Head.Encode(parts.Levels, parts.Grid);
        IReadOnlyList<QueryGroup> groups = parts.Head.TrainingQueries(encoded, [], truth, sizes, Draws.From(seed));
        MatchTruth toFind = SetPredictionLoss.ToMatch(truth, sizes);
        LossTable losses = LossTable.Of(
        [
            SetPredictionLoss.Encoder(encoded, toFind, Config),
            SetPredictionLoss.Decoder(parts.Head.Decode(encoded, groups, parts.Grid), groups, toFind, Config, classWeights: null),
        ]);
        Tensor values = parts.Keep(losses.Values);
        losses.Total.Backward();
        Assert.Equal((uploads, waits), (Device.Default.Uploads, Device.Default.Waits));

        Assert.Equal(denoising, groups.Where(group => group.Span.SeesMain).Sum(group => group.Span.Count));
        Assert.Equal(denoising > 0, losses.Names.Contains("d0.dn_loss_cls"));
        Assert.All(values.ToArray(), value => Assert.True(float.IsFinite(value)));
        bool IsZero(string name) => objects.Sum() == 0 && !name.EndsWith("cls", StringComparison.Ordinal);
        Assert.All(losses.Names.Zip(values.ToArray()), loss => Assert.True(loss.Second > 0 || IsZero(loss.First), loss.First));
    }

    [Fact]
    public void AFederatedLossThatTakesAllClassesChangesNothing()
    {
        using Parts parts = new();
        Truth truth = Parts.Objects([2, 1]);
        using FederatedLoss all = new([3, 1, 1, 2]), some = new([3, 0, 0, 2], sampled: 2);
        Draws draws = Draws.From(Tensor.From(3, 4));
        Assert.Equal([1, 1, 1, 1], all.Classes(truth, draws).ToArray());
        Assert.Equal([1, 1, 0, 0], some.Classes(truth, draws).ToArray()); // what the pictures show takes part even if it was never counted
    }

    private static QueryGroup Positive(Parts parts, int count, int seed)
    {
        Random random = new(seed);
        Tensor boxes = Tensor.From<float>([.. Enumerable.Range(0, 2 * count * 4).Select(_ => 0.2f + (0.5f * random.NextSingle()))], [2, count, 4]);
        return parts.Groups([1, 1])[^1] with
        {
            Name = new GroupName(Suffix: "_aux0"),
            Content = Parts.Noise(seed, 2, count, Width),
            Reference = boxes,
            Assignment = new Assignment(Tensor.Zeros([2, count], DType.I32)),
            Span = new QuerySpan(count),
        };
    }

    private static Tensor Shifted(Tensor content, int begin, int count)
    {
        float[] values = content.ToArray();
        int queries = content.Shape[1];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] += i / Width % queries is int q && q >= begin && q < begin + count ? 1 : 0;
        }

        return Tensor.From(values, content.Shape);
    }

    private static void Close(Tensor expected, Tensor found)
    {
        float[] a = expected.ToArray(), b = found.ToArray();
        Assert.Equal(a.Length, b.Length);
        for (int i = 0; i < a.Length; i++)
        {
            Assert.Equal(a[i], b[i], 2e-5f);
        }
    }

    /// <summary>A head with started weights and what it sees of two pictures, one of them padded.</summary>
    private sealed class Parts : IDisposable
    {
        private readonly StepScope scope = StepScope.Begin();

        internal Parts()
        {
            Head = new DinoQueryHead(Config);
            Head.Initialize(5);
            Levels = [Noise(11, 2, 6, 8, Width), Noise(12, 2, 3, 4, Width)];
            Grid = TokenGrid.Of([new ImageSize(6, 8), new ImageSize(3, 4)], new ImageBatch(Tensor.Zeros([2, 48, 64, 3]), Sizes));
            Encoded = Head.Encode(Levels, Grid);
        }

        internal static ImageSize[] Sizes { get; } = [new(48, 64), new(40, 50)];

        internal DinoQueryHead Head { get; }

        internal Tensor[] Levels { get; }

        internal TokenGrid Grid { get; }

        internal EncoderOutput Encoded { get; }

        internal Tensor Keep(Tensor tensor) => scope.Keep(tensor);

        public void Dispose()
        {
            Head.Dispose();
            scope.Dispose();
        }

        internal static Tensor Noise(int seed, params int[] sizes)
        {
            Random random = new(seed);
            Shape shape = Shape.Create(sizes);
            return Tensor.From<float>([.. Enumerable.Range(0, (int)shape.Count).Select(_ => (2 * random.NextSingle()) - 1)], shape);
        }

        internal static Truth Objects(int[] counts) => Truth.From(
            [.. counts.Select(n => Enumerable.Range(0, n).SelectMany(i => new float[] { 2 + i, 3 + (2 * i), 20 + i, 12 + (2 * i) }).ToArray())],
            [.. counts.Select(n => Enumerable.Range(0, n).Select(i => i % 2).ToArray())]);

        internal IReadOnlyList<QueryGroup> Groups(int[] objects) =>
            Head.TrainingQueries(Encoded, [], Objects(objects), ImageBatch.Upload(Sizes), Draws.From(Tensor.From(1, 2)));
    }
}
