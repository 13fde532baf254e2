using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class SetLossTests
{
    private const int Images = 2;
    private const int Most = 3;
    private static readonly double[] TruthBoxes = [4, 6, 20, 30, 10, 8, 60, 50, 0, 0, 5, 5, 30, 40, 44, 70, 1, 1, 2, 2, 7, 7, 9, 9];
    private static readonly int[] TruthLabels = [2, 0, 1, 1, 0, 0];
    private static readonly double[] Sizes = [60, 64, 80, 48];

    public static TheoryData<OpCase> Cases =>
    [
        Case("two layers", 2, [4], ClassTerm.Focal),
        Case("one layer, one class", 1, [4], ClassTerm.Focal, hasLabels: false),
        Case("three groups, one of them empty", 2, [1, 0, 3], ClassTerm.QualityFocal),
        Case("classes of different weights", 2, [3, 1], ClassTerm.QualityFocal, classWeights: [1, 0, 0.5]),
        Case("a class that takes no part", 2, [2, 2], ClassTerm.Focal, classWeights: [0, 1, 1]),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void CostsAreTheSpecs()
    {
        // The worked example of spec/losses-and-assignment.md §10.1.
        using StepScope scope = StepScope.Begin();
        float[] logits = new float[40];
        (logits[3], logits[17], logits[23], logits[37]) = (1, 2, 3, -1);
        Tensor boxes = Tensor.From([.5f, .4f, .6f, .5f, .7f, .6f, .5f, .6f, .2f, .2f, .2f, .2f, .5f, .5f, .9f, .9f], [1, 4, 4]);
        Tensor objects = Tensor.From([10f, 10, 50, 40, 30, 20, 62, 60], [1, 2, 4]);
        MatchTruth truth = new(objects, Tensor.From([3, 7], [1, 2]), Tensor.From(2), Tensor.From([64f, 64], [1, 2]));
        Tensor cost = Tensor.From(logits, [1, 4, 10]).MatchCost(boxes, truth, new MatchWeights(2, 5, 2));
        double[] expected = [-2.2488, 3.2233, 1.7376, 3.3377, 3.0697, -3.8396, 9.2015, 4.6911];
        float[] found = cost.ToArray();
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], found[i], 3e-4);
        }

        Assert.Equal([0, 1, -1, -1], cost.Hungarian(truth.Counts).Match.ToArray<int>());
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(7)]
    public void WeightsCountEachGroupsPositives(int workers)
    {
        using DeviceUnderTest test = new(workers);
        Device device = test;
        using StepScope scope = StepScope.Begin();
        int[] match = [0, -1, -2, 1, 2, -1, 1, -2, -2, 0, /* a second layer, which is not counted */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        QueryGroups groups = new([2, 1, 0, 2], device);
        float[] weights = Tensor.From(match, [4, 5], device).CountPositives(2, groups).SetLossWeights(new MatchWeights(1, 5, 2)).ToArray();
        float[] expected = [.. new float[] { 2, 1, 1, 3 }.SelectMany(count => new[] { 1 / count, 5 / count, 2 / count })];
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], weights[i], 1e-6);
        }
    }

    [Fact]
    public void WrongGroupsAreNamed()
    {
        using StepScope scope = StepScope.Begin();
        Tensor boxes = Tensor.Zeros([2, 4, 4]), match = Tensor.Zeros([2, 4], DType.I32);
        ShapeException error = Assert.Throws<ShapeException>(() =>
            Tensor.Zeros([2, 4, 3]).SetLoss(boxes, match, Truth(boxes, true), new QueryGroups([2, 1]), ClassTerm.Focal));
        Assert.Equal("SetLoss: groups have 3 queries, predictions are 4.", error.Message);
    }

    private static OpCase Case(string name, int layers, int[] groups, ClassTerm kind, bool hasLabels = true, double[]? classWeights = null)
    {
        const int Predictions = 4;
        int classes = hasLabels ? 3 : 1, problems = layers * Images;
        int[] match = [.. Enumerable.Range(0, problems).SelectMany(p => p % 2 == 0 ? new[] { 1, -1, 0, -2 } : [-1, -2, -1, 0])];
        Reference reference = new(match, groups, kind, hasLabels, [.. Enumerable.Range(0, classes).Select(c => classWeights?[c] ?? 1)]);
        return new OpCase(
            name,
            [[problems, Predictions, classes], [problems, Predictions, 4]],
            t => t[0].SetLoss(
                t[1], Tensor.From(match, [problems, Predictions], t[0].Device), Truth(t[0], hasLabels), new QueryGroups(groups, t[0].Device), kind,
                classWeights is null ? null : Numbers(t[0], classWeights, [classes])),
            v => reference.Losses(v[0], v[1]))
        {
            HasHalf = false,
            Adapt = (input, value) => input == 1 ? 0.1 + (0.8 / (1 + Math.Exp(-value))) : 2 * value,
        };
    }

    private static Tensor Numbers(Tensor like, double[] values, Shape shape) => like.DType == DType.F64
        ? Tensor.From(values, shape, like.Device)
        : Tensor.From<float>([.. values.Select(v => (float)v)], shape, like.Device);

    private static MatchTruth Truth(Tensor like, bool hasLabels)
    {
        return new MatchTruth(
            Numbers(like, TruthBoxes, [Images, Most, 4]),
            hasLabels ? Tensor.From(TruthLabels, [Images, Most], like.Device) : null,
            Tensor.From([2, 1], [2], like.Device),
            Numbers(like, Sizes, [Images, 2]));
    }

    private static double Giou(double[] a, double[] b)
    {
        (double inter, double union) = Overlap(a, b);
        double hull = (Math.Max(a[2], b[2]) - Math.Min(a[0], b[0])) * (Math.Max(a[3], b[3]) - Math.Min(a[1], b[1]));
        return (inter / union) - ((hull - union) / hull);
    }

    private static (double Inter, double Union) Overlap(double[] a, double[] b)
    {
        double inter = Math.Max(0, Math.Min(a[2], b[2]) - Math.Max(a[0], b[0])) * Math.Max(0, Math.Min(a[3], b[3]) - Math.Max(a[1], b[1]));
        return (inter, ((a[2] - a[0]) * (a[3] - a[1])) + ((b[2] - b[0]) * (b[3] - b[1])) - inter);
    }

    private static double[] Corners(double[] b, double w, double h) =>
        [(b[0] - (b[2] / 2)) * w, (b[1] - (b[3] / 2)) * h, (b[0] + (b[2] / 2)) * w, (b[1] + (b[3] / 2)) * h];

    /// <summary>The losses written plainly. The quality is what it was at the first call: no gradient flows into it.</summary>
    private sealed class Reference(int[] match, int[] groups, ClassTerm kind, bool hasLabels, double[] classWeights)
    {
        private double[]? qualities;

        internal double[] Losses(double[] logits, double[] boxes)
        {
            int predictions = groups.Sum(), classes = classWeights.Length;
            int[] groupOf = [.. groups.SelectMany((size, group) => Enumerable.Repeat(group, size))];
            qualities ??= [.. match.Select((k, row) => k < 0 ? 0 : Quality(row / predictions % Images, k, boxes[(row * 4)..((row + 1) * 4)]))];
            double[] loss = new double[match.Length / predictions / Images * groups.Length * 3];
            for (int row = 0; row < match.Length; row++)
            {
                int image = row / predictions % Images, k = match[row];
                int at = ((row / predictions / Images * groups.Length) + groupOf[row % predictions]) * 3;
                int label = k < 0 ? -1 : hasLabels ? TruthLabels[(image * Most) + k] : 0;
                for (int c = 0; c < classes && k >= -1; c++)
                {
                    loss[at] += classWeights[c] * Class(logits[(row * classes) + c], c == label, qualities[row]);
                }

                if (k >= 0)
                {
                    (double h, double w) = (Sizes[2 * image], Sizes[(2 * image) + 1]);
                    double[] b = boxes[(row * 4)..((row + 1) * 4)];
                    loss[at + 1] += b.Zip(Unit(image, k), (x, y) => Math.Abs(x - y)).Sum();
                    loss[at + 2] += 1 - Giou(Corners(b, w, h), Box(image, k));
                }
            }

            return loss;
        }

        private static double[] Box(int image, int k) => TruthBoxes[(((image * Most) + k) * 4)..(((image * Most) + k + 1) * 4)];

        private static double[] Unit(int image, int k)
        {
            (double h, double w) = (Sizes[2 * image], Sizes[(2 * image) + 1]);
            double[] t = Box(image, k);
            return [(t[0] + t[2]) / 2 / w, (t[1] + t[3]) / 2 / h, (t[2] - t[0]) / w, (t[3] - t[1]) / h];
        }

        private static double Quality(int image, int k, double[] box)
        {
            (double inter, double union) = Overlap(Corners(box, 1, 1), Corners(Unit(image, k), 1, 1));
            return inter / Math.Max(union, 1e-6);
        }

        private double Class(double logit, bool isOwn, double quality)
        {
            double p = 1 / (1 + Math.Exp(-logit)), t = isOwn ? quality : 0;
            return kind == ClassTerm.Focal
                ? isOwn ? -0.25 * Math.Pow(1 - p, 2) * Math.Log(p) : -0.75 * p * p * Math.Log(1 - p)
                : Math.Pow(t - p, 2) * ((-t * Math.Log(p)) - ((1 - t) * Math.Log(1 - p)));
        }
    }
}
