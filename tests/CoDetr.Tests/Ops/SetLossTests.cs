using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class SetLossTests
{
    private const int Images = 2;
    private const int Most = 3;
    private static readonly double[] TruthBoxes = [4, 6, 20, 30, 10, 8, 60, 50, 0, 0, 5, 5, 30, 40, 44, 70, 1, 1, 2, 2, 7, 7, 9, 9];
    private static readonly int[] TruthLabels = [2, 0, 1, 1, 0, 0];
    private static readonly double[] Sizes = [60, 64, 80, 48];

    public static TheoryData<OpCase> Cases => [Case("two layers", 2, true), Case("one layer, one class", 1, false)];

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
        MatchTruth truth = new(Tensor.From([10f, 10, 50, 40, 30, 20, 62, 60], [1, 2, 4]), Tensor.From([3, 7], [1, 2]), Tensor.From(2), Tensor.From([64f, 64], [1, 2]));
        Tensor cost = Tensor.From(logits, [1, 4, 10]).MatchCost(boxes, truth, new MatchWeights(2, 5, 2));
        double[] expected = [-2.2488, 3.2233, 1.7376, 3.3377, 3.0697, -3.8396, 9.2015, 4.6911];
        float[] found = cost.ToArray();
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], found[i], 3e-4);
        }

        Assert.Equal([0, 1, -1, -1], cost.Hungarian(truth.Counts).Match.ToArray<int>());
    }

    private static OpCase Case(string name, int layers, bool hasLabels)
    {
        const int Predictions = 4;
        int classes = hasLabels ? 3 : 1, problems = layers * Images;
        int[] match = [.. Enumerable.Range(0, problems).SelectMany(p => p % 2 == 0 ? new[] { 1, -1, 0, -1 } : [-1, -1, -1, 0])];
        return new OpCase(
            name,
            [[problems, Predictions, classes], [problems, Predictions, 4]],
            t => t[0].SetLoss(t[1], Tensor.From(match, [problems, Predictions], t[0].Device), Truth(t[0], hasLabels)),
            v => Reference(v[0], v[1], match, layers, Predictions, classes, hasLabels))
        {
            HasHalf = false,
            Adapt = (input, value) => input == 1 ? 0.1 + (0.8 / (1 + Math.Exp(-value))) : 2 * value,
        };
    }

    private static MatchTruth Truth(Tensor like, bool hasLabels)
    {
        Tensor Numbers(double[] values, Shape shape) => like.DType == DType.F64
            ? Tensor.From(values, shape, like.Device)
            : Tensor.From<float>([.. values.Select(v => (float)v)], shape, like.Device);
        return new MatchTruth(
            Numbers(TruthBoxes, [Images, Most, 4]),
            hasLabels ? Tensor.From(TruthLabels, [Images, Most], like.Device) : null,
            Tensor.From([2, 1], [2], like.Device),
            Numbers(Sizes, [Images, 2]));
    }

    private static double[] Reference(double[] logits, double[] boxes, int[] match, int layers, int predictions, int classes, bool hasLabels)
    {
        double[] loss = new double[layers * 3];
        for (int row = 0; row < match.Length; row++)
        {
            int image = row / predictions % Images, at = row / predictions / Images * 3, k = match[row];
            int label = k < 0 ? -1 : hasLabels ? TruthLabels[(image * Most) + k] : 0;
            for (int c = 0; c < classes; c++)
            {
                double p = 1 / (1 + Math.Exp(-logits[(row * classes) + c]));
                loss[at] += c == label ? -0.25 * Math.Pow(1 - p, 2) * Math.Log(p) : -0.75 * p * p * Math.Log(1 - p);
            }

            if (k >= 0)
            {
                double h = Sizes[2 * image], w = Sizes[(2 * image) + 1];
                double[] t = TruthBoxes[(((image * Most) + k) * 4)..(((image * Most) + k + 1) * 4)], b = boxes[(row * 4)..((row + 1) * 4)];
                double[] unit = [(t[0] + t[2]) / 2 / w, (t[1] + t[3]) / 2 / h, (t[2] - t[0]) / w, (t[3] - t[1]) / h];
                loss[at + 1] += b.Zip(unit, (x, y) => Math.Abs(x - y)).Sum();
                loss[at + 2] += 1 - Giou([(b[0] - (b[2] / 2)) * w, (b[1] - (b[3] / 2)) * h, (b[0] + (b[2] / 2)) * w, (b[1] + (b[3] / 2)) * h], t);
            }
        }

        return loss;
    }

    private static double Giou(double[] a, double[] b)
    {
        double inter = Math.Max(0, Math.Min(a[2], b[2]) - Math.Max(a[0], b[0])) * Math.Max(0, Math.Min(a[3], b[3]) - Math.Max(a[1], b[1]));
        double union = ((a[2] - a[0]) * (a[3] - a[1])) + ((b[2] - b[0]) * (b[3] - b[1])) - inter;
        double hull = (Math.Max(a[2], b[2]) - Math.Min(a[0], b[0])) * (Math.Max(a[3], b[3]) - Math.Min(a[1], b[1]));
        return (inter / union) - ((hull - union) / hull);
    }
}
