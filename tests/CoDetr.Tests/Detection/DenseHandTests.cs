using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

/// <summary>Losses of dense heads that can be worked out by hand: three cells or one, one object, one class, logits of 0.</summary>
public sealed class DenseHandTests
{
    private const double Ln2 = 0.6931471805599453;
    private const double Positive = Ln2 / 16; // the focal loss of a logit of 0: α (1 - p)² ln 2
    private const double Negative = Ln2 * 3 / 16;

    /// <summary>Anchors of 64 pixels on (0, 0), (8, 0), (16, 0). The object is the middle one; its neighbours' IoU with it is 56 / 72.</summary>
    private static readonly HeadScene Three = new("", [(1, 3)], 1, [[-24, -32, 40, 32]], [(8, 24)]);

    [Fact]
    public void Atss()
    {
        // Mean + deviation of (7/9, 1, 7/9) is 0.98: one positive, as central as can be. Its box is moved by 0.1 · 64 pixels: IoU = GIoU = 57.6 / 70.4.
        DensePredictions found = Zeros(3, 4);
        found.Boxes.Set<float>([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        Check(new AtssConfig(), Three, found, Positive + (2 * Negative), 2 * (1 - (57.6 / 70.4)), Ln2);
    }

    [Fact]
    public void Gfl()
    {
        // Equal bins mean 8 strides, so that the box has twice the object's sides: IoU = GIoU = 1/4, which the score is to be. Every side is 4 strides away.
        double ofClass = (0.25 * 0.25 * Ln2) + (2 * 0.25 * Ln2);
        Check(new GflConfig(), Three, Zeros(3, 68), ofClass, 2 * 0.5 * 0.75, 0.25 * 0.5 * Math.Log(17)); // the positive weighs σ(0), the factor is 1 at the least
    }

    [Fact]
    public void Retina()
    {
        // The object is the smallest square anchor. Of each ratio the two smaller anchors overlap it by 1/2 and more, the largest by 0.397.
        HeadScene one = new("", [(1, 1)], 1, [[-16, -16, 16, 16]], [(8, 8)]);
        double wide = 0.5388682769488777 + 0.5227317416086346, square = 0 + 0.3700394750525635; // 1 - GIoU of anchors with the object
        Check(new RetinaConfig(), one, Zeros(9, 4) with { Quality = null }, ((6 * Positive) + (3 * Negative)) / 6, 2 * ((2 * wide) + square) / 6);
    }

    [Fact]
    public void Fcos()
    {
        // The point (4, 4) is (4, 4, 12, 8) from the sides: centre-ness √(1/3 · 1/2). e⁰ to each side is a box of 4 within one of 192. What weighs is divided out.
        HeadScene one = new("", [(1, 1)], 1, [[0, 0, 16, 12]], [(8, 8)]);
        double central = Math.Sqrt(1.0 / 6);
        Check(new FcosConfig(), one, Zeros(1, 4), Positive, 1 - (4.0 / 192), Ln2);
        DensePredictions sure = Zeros(1, 4);
        sure.Quality!.Set<float>([2]);
        Check(new FcosConfig(), one, sure, Positive, 1 - (4.0 / 192), 2 - (2 * central) + Math.Log(1 + Math.Exp(-2)));
    }

    [Fact]
    public void FcosInStrides()
    {
        // (0.5, 0, 1.5, 1) strides of 8 pixels, a negative number being 0: the box has no distance to the point above, but 4, 12 and 8 to the left, right and below.
        HeadScene one = new("", [(1, 1)], 1, [[0, 0, 16, 12]], [(8, 8)]);
        DensePredictions found = Zeros(1, 4);
        found.Boxes.Set<float>([0.5f, -3, 1.5f, 1]);
        Check(new FcosConfig { InStrides = true }, one, found, Positive, 1 - (128.0 / 192), Ln2);
    }

    [Fact]
    public void Paa()
    {
        // All three overlap by 0.1 and more. The middle one, moved by 3.2 pixels, costs 0.167, the others 0.332: the mixture's better half is the middle one.
        double overlap = 60.8 / 67.2;
        DensePredictions found = Zeros(3, 4);
        found.Boxes.Set<float>([0, 0, 0, 0, 0.5f, 0, 0, 0, 0, 0, 0, 0]);
        found.Quality!.Set<float>([5, 1, -5]);
        double ofOverlap = 0.5 * (1 - overlap + Math.Log(1 + Math.Exp(-1)));
        Check(new PaaConfig(), Three, found, Positive + (2 * Negative), 1.3 * (1 - overlap), ofOverlap); // the IoU that weighs is divided out
    }

    private static DensePredictions Zeros(int rows, int numbers) => new(Tensor.Zeros([1, rows, 1]), Tensor.Zeros([1, rows, numbers]), Tensor.Zeros([1, rows, 1]));

    private static void Check(AuxiliaryHeadConfig config, HeadScene scene, DensePredictions found, params double[] expected)
    {
        using StepScope scope = StepScope.Begin();
        using DenseHead head = (DenseHead)config.Build(new HeadFrame(1, 32, 1, HeadScene.FirstStride));
        float[] losses = [.. head.Train(found, scene.Pyramid(), scene.Truth).Losses.SelectMany(loss => loss.Values.ToArray())];
        Assert.Equal(expected.Length, losses.Length);
        Assert.All(expected.Zip(losses), pair => Assert.Equal(pair.First, pair.Second, 2e-6));
        found.Logits.Dispose();
        found.Boxes.Dispose();
        found.Quality?.Dispose();
    }
}
