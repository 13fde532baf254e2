using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class DenoisingTests
{
    private const int Images = 3;
    private const int Most = 4; // one place more than the fullest picture needs
    private const int Classes = 5;
    private static readonly int[] Counts = [2, 0, 3];
    private static readonly int[] Labels = [1, 4, 9, 9, 9, 9, 9, 9, 0, 2, 3, 9];
    private static readonly double[] Sizes = [60, 64, 80, 48, 70, 90];
    private static readonly double[] Boxes = MakeBoxes();

    public static TheoryData<OpCase> Cases => [Case("one copy of each", 2, 1), Case("several copies", 6, 0.4)];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(7)]
    public void LabelsChangeByChanceAndOnlyPositivesAnswerForObjects(int workers)
    {
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        float[] chance = Line(0.9f), label = Line(0.99f);
        (chance[0], chance[12], label[12]) = (0.24f, 0.1f, 0.5f); // row 12 is copy 2 of the last picture's first object: 2 · 5 + 2
        Tensor still = Tensor.Zeros([36, 4], device: device);
        (Tensor labels, _, Tensor match) = Truth(still).Denoising(
            new DenoisingNumbers(Tensor.From(chance, [36], device), Tensor.From(label, [36], device), still, still),
            copies: 4, objects: 3, Classes, labelNoise: 0.5f, boxNoise: 1);
        int[] nothing = [.. Enumerable.Repeat(-1, 12)];
        Assert.Equal([4, 4, -1, 1, 4, -1, 1, 4, -1, 1, 4, -1, .. nothing, 0, 2, 3, 0, 2, 3, 2, 2, 3, 0, 2, 3], labels.ToArray<int>());
        Assert.Equal([0, 1, -1, -1, -1, -1, 0, 1, -1, -1, -1, -1, .. nothing, 0, 1, 2, -1, -1, -1, 0, 1, 2, -1, -1, -1], match.ToArray<int>());
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        using StepScope scope = StepScope.Begin();
        Tensor line = Tensor.Zeros([35]), four = Tensor.Zeros([35, 4]);
        ShapeException error = Assert.Throws<ShapeException>(() =>
            Truth(line).Denoising(new DenoisingNumbers(line, line, four, four), 4, 3, Classes, 0.5f, 1));
        Assert.Equal("Denoising: 36 rows of numbers are needed, got 35.", error.Message);
    }

    private static float[] Line(float value) => [.. Enumerable.Repeat(value, 36)];

    private static double[] MakeBoxes()
    {
        Random random = new(3);
        double[] boxes = new double[Images * Most * 4];
        for (int i = 0; i < boxes.Length; i += 4)
        {
            (boxes[i], boxes[i + 1]) = ((float)random.NextDouble() * 30, (float)random.NextDouble() * 30);
            (boxes[i + 2], boxes[i + 3]) = (boxes[i] + 2 + ((float)random.NextDouble() * 15), boxes[i + 1] + 2 + ((float)random.NextDouble() * 25));
        }

        return boxes;
    }

    private static MatchTruth Truth(Tensor like) => new(
        Numbers(like, Boxes, [Images, Most, 4]),
        Tensor.From(Labels, [Images, Most], like.Device),
        Tensor.From(Counts, [Images], like.Device),
        Numbers(like, Sizes, [Images, 2]));

    private static Tensor Numbers(Tensor like, double[] values, Shape shape) => like.DType == DType.F64
        ? Tensor.From(values, shape, like.Device)
        : Tensor.From<float>([.. values.Select(v => (float)v)], shape, like.Device);

    private static OpCase Case(string name, int copies, double noise)
    {
        int rows = copies * Images * 3;
        return new OpCase(
            name,
            [[rows, 4], [rows, 4]],
            t =>
            {
                Tensor none = t[0].NewZeros(rows);
                return Truth(none).Denoising(new DenoisingNumbers(none, none, t[0], t[1]), copies, 3, Classes, 0, (float)noise).BoxLogits;
            },
            v => Reference(v[0], v[1], copies, (float)noise))
        {
            HasHalf = false,
            IsDifferentiable = false,
            Adapt = (_, value) => 1 / (1 + Math.Exp(-value)),
        };
    }

    private static double[] Reference(double[] sign, double[] size, int copies, double noise)
    {
        List<double> logits = [];
        for (int image = 0; image < Images; image++)
        {
            for (int copy = 0; copy < copies; copy++)
            {
                for (int j = 0; j < 3; j++)
                {
                    int row = (copy * Counts.Sum()) + Counts.Take(image).Sum() + j;
                    logits.AddRange(j >= Counts[image]
                        ? new double[4]
                        : Noisy(Four(Boxes, (image * Most) + j), image, copy, Four(sign, row), Four(size, row), noise));
                }
            }
        }

        return [.. logits];
    }

    private static double[] Four(double[] rows, int row) => rows[(4 * row)..((4 * row) + 4)];

    private static double[] Noisy(double[] box, int image, int copy, double[] sign, double[] size, double noise)
    {
        double h = Sizes[2 * image], w = Sizes[(2 * image) + 1];
        double[] unit = [box[0] / w, box[1] / h, box[2] / w, box[3] / h];
        double[] half = [(unit[2] - unit[0]) / 2, (unit[3] - unit[1]) / 2];
        double[] moved = [.. unit.Select((x, c) =>
            Math.Clamp(x + ((sign[c] < 0.5 ? -1 : 1) * (size[c] + (copy % 2)) * half[c % 2] * noise), 0, 1))];
        return [.. new[] { (moved[0] + moved[2]) / 2, (moved[1] + moved[3]) / 2, moved[2] - moved[0], moved[3] - moved[1] }.Select(Logit)];
    }

    private static double Logit(double x) => Math.Log(Math.Max(Math.Clamp(x, 0, 1), 1e-3) / Math.Max(1 - Math.Clamp(x, 0, 1), 1e-3));
}
