using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class LossTests
{
    private const int Rows = 9, Classes = 5;
    private static readonly int[] Labels = [.. Enumerable.Range(0, Rows).Select(r => (r * 4 % (Classes + 2)) - 1)]; // ignored, classes, background
    private static readonly double[] Scores = [.. Enumerable.Range(0, Rows).Select(r => (double)(0.1f * r))];
    private static readonly double[] Weights = [.. Enumerable.Range(0, Rows * Classes).Select(i => (double)(0.25f * (i % 4)))];
    private static readonly double[] Targets = [.. Enumerable.Range(0, Rows * Classes).Select(i => Math.Max(0, (double)(0.15f * (i % 7)) - 0.3))];

    public static TheoryData<OpCase> ClassLosses
    {
        get
        {
            TheoryData<OpCase> cases = [];
            foreach (string reduction in new[] { "none", "sum", "mean", "over", "device" })
            {
                foreach (float gamma in new[] { 2f, 1.5f, 1f })
                {
                    cases.Add(Case($"focal, gamma {gamma}", reduction, false, (x, r) => x.FocalLoss(I(x, Labels), r, F(x, Weights[..Rows]), F(x, Weights[..Classes]), 0.25f, gamma), (x, row, c) =>
                    {
                        bool own = Labels[row] == c;
                        double p = Sigmoid(x), wrong = own ? 1 - p : p;
                        return Labels[row] < 0 ? 0 : Weights[row] * Weights[c] * (own ? 0.25 : 0.75) * Math.Pow(wrong, gamma) * Bce(x, own ? 1 : 0);
                    }));
                    cases.Add(Case($"quality focal, beta {gamma}", reduction, true, (x, r) => x.QualityFocalLoss(I(x, Labels), F(x, Scores), r, F(x, Weights[..Rows]), null, gamma), (x, row, c) =>
                    {
                        double t = Labels[row] == c ? Scores[row] : 0;
                        return Labels[row] < 0 ? 0 : Weights[row] * Math.Pow(Math.Abs(t - Sigmoid(x)), gamma) * Bce(x, t);
                    }));
                    cases.Add(Case($"varifocal, gamma {gamma}", reduction, false, (x, r) => x.VarifocalLoss(F(x, Targets), r, F(x, Weights), 0.75f, gamma), (x, row, c) =>
                    {
                        double t = Targets[(row * Classes) + c];
                        return Weights[(row * Classes) + c] * (t > 0 ? t : 0.75 * Math.Pow(Sigmoid(x), gamma)) * Bce(x, t);
                    }));
                }

                cases.Add(Case("varifocal, even", reduction, false, (x, r) => x.VarifocalLoss(F(x, Targets), r, null, 0.75f, 2, false), (x, row, c) =>
                {
                    double t = Targets[(row * Classes) + c];
                    return (t > 0 ? 1 : 0.75 * Math.Pow(Sigmoid(x), 2)) * Bce(x, t);
                }));
                cases.Add(Case("binary, labels", reduction, false, (x, r) => x.BinaryCrossEntropy(I(x, Labels), r, null, F(x, Weights[..Classes])), (x, row, c) =>
                    Labels[row] < 0 ? 0 : Weights[c] * Bce(x, Labels[row] == c ? 1 : 0)));
                cases.Add(Case("binary, targets", reduction, false, (x, r) => x.BinaryCrossEntropy(F(x, [.. Targets.Select(t => t - 0.1)]), r, F(x, Weights)), (x, row, c) =>
                {
                    double t = Targets[(row * Classes) + c] - 0.1;
                    return t < 0 ? 0 : Weights[(row * Classes) + c] * Bce(x, t);
                }));
                cases.Add(Case("softmax", reduction, true, (x, r) => x.CrossEntropy(I(x, Labels), r, F(x, Weights[..Rows])), (x, row, c) =>
                    Labels[row] == c ? -Weights[row] * x : 0, (row, logSum) => Labels[row] is < 0 or >= Classes ? 0 : Weights[row] * logSum));
                cases.Add(Case("distribution focal", reduction, true, (x, r) => x.DistributionFocalLoss(F(x, [.. Scores.Select(s => 4 * s)]), r), (x, row, c) =>
                    -x * Math.Max(0, 1 - Math.Abs((4 * Scores[row]) - c)), (_, logSum) => logSum));
            }

            return cases;
        }
    }

    public static TheoryData<OpCase> BoxLosses
    {
        get
        {
            TheoryData<OpCase> cases = [];
            foreach (string reduction in new[] { "none", "sum", "mean", "over", "device" })
            {
                foreach (BoxLossKind kind in Enum.GetValues<BoxLossKind>())
                {
                    cases.Add(Box(kind, reduction));
                }

                foreach (double beta in new[] { 0, 0.3, 1 })
                {
                    cases.Add(L1(beta, reduction));
                }
            }

            return cases;
        }
    }

    [Theory, MemberData(nameof(ClassLosses), DisableDiscoveryEnumeration = true)]
    public void ClassLossesAgree(OpCase op) => op.Verify();

    [Theory, MemberData(nameof(BoxLosses), DisableDiscoveryEnumeration = true)]
    public void BoxLossesAgree(OpCase op) => op.Verify();

    [Fact]
    public void LargeLogitsStayFinite()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From([200f, -200f, 0f, 200f], [2, 2]);
        x.RequiresGrad = true;
        Tensor loss = x.FocalLoss(Tensor.From(0, 5), LossReduction.Sum);
        loss.Backward();
        Assert.Equal((0.75f * 200) + (0.75f * 0.25f * MathF.Log(2)), loss.ToScalar(), 3);
        Assert.All(x.Grad!.ToArray(), g => Assert.True(float.IsFinite(g)));
    }

    [Fact]
    public void ARowsLossIsTheSumOverItsClasses() => new OpCase(
        "focal, each row",
        [[Rows, Classes]],
        t => t[0].FocalLoss(I(t[0], Labels), LossReduction.EachRow, F(t[0], Weights[..Rows])),
        v => [.. Enumerable.Range(0, Rows).Select(r => Labels[r] < 0 ? 0 : Weights[r] * Enumerable.Range(0, Classes).Sum(c =>
        {
            bool own = Labels[r] == c;
            double x = v[0][(r * Classes) + c], p = Sigmoid(x);
            return (own ? 0.25 : 0.75) * Math.Pow(own ? 1 - p : p, 2) * Bce(x, own ? 1 : 0);
        }))])
    {
        HasHalf = false,
        Adapt = (_, x) => 2 * x,
        GradientTolerance = 1e-4,
    }.Verify();

    [Fact]
    public void WeightZeroHidesWhatIsNotFinite()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From([float.NaN, 0, 1, 1, 0, 0, 2, 2], [2, 4]);
        x.RequiresGrad = true;
        Tensor weights = Tensor.From(0f, 1f), targets = Tensor.From([0f, 0, 1, 1, 0, 0, 2, 2], [2, 4]);
        Tensor giou = x.BoxLoss(targets, BoxLossKind.GIoU, LossReduction.Sum, weights), l1 = x.L1Loss(targets, LossReduction.Sum, weights);
        giou.Backward();
        l1.Backward();
        Assert.Equal((0f, 0f), (giou.ToScalar(), l1.ToScalar()));
        Assert.All(x.Grad!.ToArray(), g => Assert.Equal(0f, g));
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "FocalLoss: labels of [4, 3] logits cannot be I32[3].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([4, 3]).FocalLoss(Tensor.From(1, 2, 3), LossReduction.Mean)).Message);

    private static Tensor I(Tensor like, int[] values) => Tensor.From<int>(values, [values.Length], like.Device);

    private static Tensor F(Tensor like, double[] values, Shape? shape = null) => like.DType == DType.F64
        ? Tensor.From(values, shape ?? [values.Length], like.Device)
        : Tensor.From<float>([.. values.Select(v => (float)v)], shape ?? [values.Length], like.Device);

    private static LossReduction Reduction(string name, Tensor like) => name switch
    {
        "none" => LossReduction.None,
        "sum" => LossReduction.Sum,
        "mean" => LossReduction.Mean with { Weight = 5 },
        "over" => LossReduction.Over(3),
        _ => LossReduction.Over(F(like, [0.5]), 2),
    };

    private static double[] Reduced(string name, double[] values) => name switch
    {
        "none" => values,
        "sum" => [values.Sum()],
        "mean" => [5 * values.Average()],
        "over" => [values.Sum() / 3],
        _ => [values.Sum() / (2 + 1.1920929e-07)],
    };

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double Bce(double x, double t) => Math.Max(x, 0) - (x * t) + Math.Log(1 + Math.Exp(-Math.Abs(x)));

    private static OpCase Case(
        string name, string reduction, bool isByRow, Func<Tensor, LossReduction, Tensor> op, Func<double, int, int, double> value, Func<int, double, double>? ofRow = null) => new(
        $"{name}, {reduction}",
        [[Rows, Classes]],
        t => op(t[0], Reduction(reduction, t[0])),
        v =>
        {
            double[] values = [.. v[0].Select((x, i) => value(x, i / Classes, i % Classes))];
            double[][] rows = [.. Enumerable.Range(0, Rows).Select(r => values[(r * Classes)..((r + 1) * Classes)])];
            return Reduced(reduction, !isByRow ? values : [.. rows.Select((row, r) =>
                row.Sum() + (ofRow?.Invoke(r, Math.Log(v[0][(r * Classes)..((r + 1) * Classes)].Sum(Math.Exp))) ?? 0))]);
        })
        {
            HasHalf = false,
            Adapt = (_, x) => 2 * x,
            GradientTolerance = 1e-4,
        };

    private static OpCase L1(double beta, string reduction)
    {
        double[] targets = [.. Targets.Select((t, i) => t - (0.3 * (i % 3)))];
        return new(
            $"L1, beta {beta}, {reduction}",
            [[Rows, Classes]],
            t => beta > 0
                ? t[0].SmoothL1Loss(F(t[0], targets, [Rows, Classes]), Reduction(reduction, t[0]), F(t[0], Weights), (float)beta)
                : t[0].L1Loss(F(t[0], targets, [Rows, Classes]), Reduction(reduction, t[0]), F(t[0], Weights[..Rows])),
            v => Reduced(reduction, [.. v[0].Select((x, i) =>
            {
                double d = Math.Abs(x - targets[i]), b = (float)beta;
                return (beta > 0 ? Weights[i] : Weights[i / Classes]) * (d < b ? d * d / b / 2 : d - (b / 2));
            })]))
        { HasHalf = false };
    }

    private static OpCase Box(BoxLossKind kind, string reduction)
    {
        const int Count = 12;
        double[] targets = [.. Enumerable.Range(0, 4 * Count).Select(i => (double)(float)(i % 4 < 2 ? (0.3 * (i % 5)) + (i / 4 == 3 ? 5 : 0) : 1.7 + (0.4 * (i % 7)) + (i / 4 == 3 ? 5 : 0)))];
        return new(
            $"{kind}, {reduction}",
            [[Count, 4]],
            t => t[0].ToCorners().BoxLoss(F(t[0], targets, [Count, 4]), kind, Reduction(reduction, t[0]), kind == BoxLossKind.GIoU ? F(t[0], Weights[..(4 * 3)]) : null),
            v => Reduced(reduction, [.. Enumerable.Range(0, Count).Select(r =>
                (kind == BoxLossKind.GIoU ? Weights[r] : 1) * Value(kind, Corners(v[0][(4 * r)..((4 * r) + 4)]), targets[(4 * r)..((4 * r) + 4)]))]))
        {
            HasHalf = false,
            Adapt = (_, x) => 2 + (0.4 * x),
            GradientTolerance = 1e-4,
            IsDifferentiable = kind != BoxLossKind.CIoU, // its alpha counts as constant, which differences cannot know; the golden cases do
        };
    }

    private static double[] Corners(double[] b) => [b[0] - (b[2] / 2), b[1] - (b[3] / 2), b[0] + (b[2] / 2), b[1] + (b[3] / 2)];

    private static double Value(BoxLossKind kind, double[] a, double[] b)
    {
        const double Epsilon = 1e-6f;
        double w1 = a[2] - a[0], h1 = a[3] - a[1], w2 = b[2] - b[0], h2 = b[3] - b[1];
        double both = Math.Max(0, Math.Min(a[2], b[2]) - Math.Max(a[0], b[0])) * Math.Max(0, Math.Min(a[3], b[3]) - Math.Max(a[1], b[1]));
        double either = (w1 * h1) + (w2 * h2) - both, cw = Math.Max(a[2], b[2]) - Math.Min(a[0], b[0]), ch = Math.Max(a[3], b[3]) - Math.Min(a[1], b[1]);
        double iou = Math.Max(Epsilon, both / either), distanced = both / (either + Epsilon);
        double dx = a[0] + a[2] - b[0] - b[2], dy = a[1] + a[3] - b[1] - b[3], distance = ((dx * dx) + (dy * dy)) / 4 / ((cw * cw) + (ch * ch) + Epsilon);
        double turn = Math.Atan(w2 / (h2 + Epsilon)) - Math.Atan(w1 / (h1 + Epsilon)), v = 4 / Math.PI / Math.PI * turn * turn;
        return kind switch
        {
            BoxLossKind.LogIoU => -Math.Log(iou),
            BoxLossKind.LinearIoU => 1 - iou,
            BoxLossKind.SquareIoU => 1 - (iou * iou),
            BoxLossKind.GIoU => 1 - ((both / either) - (((cw * ch) - either) / (cw * ch))),
            BoxLossKind.DIoU => 1 - distanced + distance,
            _ => 1 - distanced + distance + (distanced > 0.5 ? v / (1 - distanced + v) * v : 0),
        };
    }
}
