using System.Numerics;
using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class BoxCodingTests
{
    private static readonly DeltaCoding Small = (0.1f, 0.1f, 0.2f, 0.2f);
    private static readonly DeltaCoding Shifted = new(new Vector4(0.5f, 0.5f, 1, 1)) { Means = new Vector4(0.1f, -0.2f, 0.05f, 0) };
    private static readonly DeltaCoding Clamped = new(Vector4.One) { CenterClamp = 8 };
    private static readonly double[] Boxes = [0, 0, 20, 10, 5, 30, 45, 60, -8, 4, 24, 36, 10, 12, 18, 52, 30, 30, 90, 90, 50, 7, 58, 15];
    private static readonly double[] Points = [4, 4, 12, 36, 20, 50, 44, 12, 60, 60, 2, 30];
    private static readonly double[] Pictures = [48, 64, 70, 40];

    public static TheoryData<OpCase> Cases =>
    [
        Deltas("shared priors", Small, [2, 3, 4], isOwn: false, isClipped: false),
        Deltas("own priors, clipped", Small, [2, 3, 4], isOwn: true, isClipped: true),
        Deltas("two classes, means", Shifted, [2, 6, 4], isOwn: true, isClipped: false),
        Deltas("one picture, two classes, clipped centres", Clamped, [12, 4], isOwn: false, isClipped: false),
        Deltas("no rows", Small, [2, 0, 4], isOwn: true, isClipped: true),
        Distances("distances", [2, 3, 4], isOwn: false, isClipped: false),
        Distances("distances, clipped", [2, 3, 4], isOwn: true, isClipped: true),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void EncodingIsTheInverse(int workers)
    {
        using DeviceUnderTest device = new(workers);
        using StepScope scope = StepScope.Begin();
        Tensor priors = Floats(Boxes, [2, 3, 4], device), points = Floats(Points, [2, 3, 2], device);
        float[] targets = [2, 3, 30, 20, 8, 8, 9, 70, 1, 1, 2, 2, 40, 4, 60, 44, 0, 0, 100, 80, 33, 5, 48, 6];
        Tensor boxes = Tensor.From(targets, [2, 3, 4], device);
        foreach (DeltaCoding coding in new[] { Small, Shifted })
        {
            Close(targets, boxes.EncodeDeltas(priors, coding).DecodeDeltas(priors, coding));
        }

        Close(targets, boxes.EncodeDistances(points).DecodeDistances(points));
        Assert.All(boxes.EncodeDistances(points, 10).ToArray(), d => Assert.InRange(d, 0, 9.9f));
    }

    [Fact]
    public void TheSpecsExample()
    {
        // Spec/losses-and-assignment.md §10.1.
        using DeviceUnderTest device = new(2);
        using StepScope scope = StepScope.Begin();
        Tensor deltas = Tensor.From([10f, 10, 50, 40], [1, 4], device).EncodeDeltas(Tensor.From([0f, 0, 64, 64], [1, 4], device), Small);
        Assert.All(deltas.ToArray().Zip([-0.3125, -1.09375, -2.3500, -3.7884]), p => Assert.Equal(p.Second, p.First, 1e-4));
    }

    [Fact]
    public void WhatHasNoAreaBecomesZeros()
    {
        using DeviceUnderTest device = new(2);
        using StepScope scope = StepScope.Begin();
        Tensor boxes = Tensor.From([0f, 0, 0, 0, 5, 5, 9, 9], [2, 4], device), priors = Tensor.From([0f, 0, 8, 8, 3, 3, 3, 9], [2, 4], device);
        Assert.All(boxes.EncodeDeltas(priors, Small).ToArray(), d => Assert.Equal(0, d));
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor x = Tensor.Zeros([2, 6, 4]);
        Assert.Equal(
            "DecodeDeltas: priors must be [boxes, 4] or [batch, boxes, 4] with batch = 2, got [3, 6, 4].",
            Assert.Throws<ShapeException>(() => x.DecodeDeltas(Tensor.Zeros([3, 6, 4]), Small)).Message);
        Assert.Equal(
            "EncodeDeltas: 6 rows do not divide among 4 priors.", Assert.Throws<ShapeException>(() => x.EncodeDeltas(Tensor.Zeros([4, 4]), Small)).Message);
        Assert.Equal(
            "DecodeDistances: clip must be [batch, 2] = [2, 2], got [2].",
            Assert.Throws<ShapeException>(() => x.DecodeDistances(Tensor.Zeros([6, 2]), Tensor.Zeros([2]))).Message);
    }

    private static void Close(float[] expected, Tensor found) => Assert.All(expected.Zip(found.ToArray()), p => Assert.Equal(p.First, p.Second, 1e-3));

    private static Tensor Floats(double[] values, Shape shape, Device device) =>
        Tensor.From<float>([.. values.Take((int)shape.Count).Select(v => (float)v)], shape, device);

    private static Tensor Like(Tensor like, double[] values, Shape shape) =>
        like.DType == DType.F64 ? Tensor.From<double>([.. values.Take((int)shape.Count)], shape, like.Device) : Floats(values, shape, like.Device);

    private static OpCase Deltas(string name, DeltaCoding coding, Shape shape, bool isOwn, bool isClipped)
    {
        int batch = shape.Length == 3 ? 2 : 1, rows = shape[^2], priors = shape.Length == 2 ? 6 : Math.Min(rows, 3);
        return new OpCase(
            name,
            [shape],
            t => t[0].DecodeDeltas(Like(t[0], Boxes, isOwn ? [batch, priors, 4] : [priors, 4]), coding, isClipped ? Like(t[0], Pictures, [batch, 2]) : null),
            v => [.. Enumerable.Range(0, batch * rows).SelectMany(i =>
            {
                int at = (isOwn ? i / rows * priors : 0) + (i % rows / (rows / priors));
                double[] b = Decode(v[0][(4 * i)..((4 * i) + 4)], Boxes[(4 * at)..((4 * at) + 4)], coding);
                return isClipped ? Clip(b, i / rows) : b;
            })])
        {
            HasHalf = false,
            Adapt = (_, x) => 3 * x, // some lie beyond the bounds
        };
    }

    private static OpCase Distances(string name, Shape shape, bool isOwn, bool isClipped) => new(
        name,
        [shape],
        t => t[0].DecodeDistances(Like(t[0], Points, isOwn ? [2, 3, 2] : [3, 2]), isClipped ? Like(t[0], Pictures, [2, 2]) : null),
        v => [.. Enumerable.Range(0, 6).SelectMany(i =>
        {
            int at = isOwn ? i : i % 3;
            (double x, double y) = (Points[2 * at], Points[(2 * at) + 1]);
            double[] b = [x - v[0][4 * i], y - v[0][(4 * i) + 1], x + v[0][(4 * i) + 2], y + v[0][(4 * i) + 3]];
            return isClipped ? Clip(b, i / 3) : b;
        })])
    {
        HasHalf = false,
        Adapt = (_, x) => 20 + (20 * x),
    };

    private static double[] Decode(double[] d, double[] prior, DeltaCoding coding)
    {
        double Raw(int i) => (d[i] * coding.Stds[i]) + coding.Means[i];
        double w = prior[2] - prior[0], h = prior[3] - prior[1], most = -Math.Log(0.016);
        double reach = coding.CenterClamp > 0 ? coding.CenterClamp : double.PositiveInfinity, least = coding.CenterClamp > 0 ? double.NegativeInfinity : -most;
        double cx = ((prior[0] + prior[2]) / 2) + Math.Clamp(w * Raw(0), -reach, reach);
        double cy = ((prior[1] + prior[3]) / 2) + Math.Clamp(h * Raw(1), -reach, reach);
        double gw = w * Math.Exp(Math.Clamp(Raw(2), least, most)) / 2, gh = h * Math.Exp(Math.Clamp(Raw(3), least, most)) / 2;
        return [cx - gw, cy - gh, cx + gw, cy + gh];
    }

    private static double[] Clip(double[] b, int picture)
    {
        double h = Pictures[2 * picture], w = Pictures[(2 * picture) + 1];
        return [Math.Clamp(b[0], 0, w), Math.Clamp(b[1], 0, h), Math.Clamp(b[2], 0, w), Math.Clamp(b[3], 0, h)];
    }
}
