using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Predictions of so many decoder layers for so many pictures, and the most objects a picture has.</summary>
public sealed record MatchSize(int Layers, int Images, int Predictions, int Truths, int Classes)
{
    internal int Problems => Layers * Images;

    /// <inheritdoc/>
    public override string ToString() => $"{Problems} × {Predictions}×{Truths}, {Classes} classes";

    /// <summary>Boxes anywhere in pictures of 800×1088 and labels; every picture is full.</summary>
    internal MatchTruth Truth(Func<float> next)
    {
        float[] boxes = new float[Images * Truths * 4];
        for (int i = 0; i < boxes.Length; i += 4)
        {
            (boxes[i], boxes[i + 1]) = (next() * 900, next() * 600);
            (boxes[i + 2], boxes[i + 3]) = (boxes[i] + 10 + next() * 150, boxes[i + 1] + 10 + next() * 150);
        }

        int[] labels = [.. Enumerable.Range(0, Images * Truths).Select(i => i % Classes)], counts = [.. Enumerable.Repeat(Truths, Images)];
        float[] sizes = [.. Enumerable.Range(0, Images * 2).Select(i => i % 2 == 0 ? 800f : 1088f)];
        return new(Tensor.From(boxes, [Images, Truths, 4]), Tensor.From(labels, [Images, Truths]), Tensor.From(counts), Tensor.From(sizes, [Images, 2]));
    }
}

/// <summary>The cost matrices of a training step.</summary>
public class MatchCostBench : SizedBench<MatchSize>
{
    private MatchTruth truth = null!;

    internal override MatchSize[] Tiny => [new(2, 2, 9, 3, 5)];

    internal override MatchSize[] Real => [new(7, 2, 300, 20, 80), new(13, 16, 900, 100, 80)];

    internal override Tensor[] Inputs()
    {
        truth = Size.Truth(Next);
        return [Uniform(Size.Problems, Size.Predictions, Size.Classes), Boxes()];
    }

    internal override Tensor Run(Tensor[] t) => t[0].MatchCost(t[1], truth, new MatchWeights(2, 5, 2));

    private Tensor Boxes() => Make([Size.Problems, Size.Predictions, 4], () => 0.1f + 0.3f * Next());
}

/// <summary>The set-prediction loss of a training step, all layers at once.</summary>
public class SetLossBench : OpBench<MatchSize>
{
    private MatchTruth truth = null!;
    private Tensor match = null!;
    private QueryGroups groups = null!;

    internal override MatchSize[] Tiny => [new(2, 2, 9, 3, 5)];

    internal override MatchSize[] Real => [new(7, 2, 300, 20, 80)];

    internal override Tensor[] Inputs()
    {
        truth = Size.Truth(Next);
        match = Make([Size.Problems, Size.Predictions], () => Next() < 0.1f ? (int)(Next() * Size.Truths) : -1);
        Tensor boxes = Make([Size.Problems, Size.Predictions, 4], () => 0.1f + 0.3f * Next());
        boxes.RequiresGrad = true;
        groups = new([Size.Predictions]);
        return [Uniform(Size.Problems, Size.Predictions, Size.Classes), boxes];
    }

    internal override Tensor Run(Tensor[] t) => t[0].SetLoss(t[1], match, truth, groups, ClassTerm.Focal);
}

/// <summary>The set loss of Co-DINO: denoising, matched and auxiliary queries of six decoder layers, with the quality focal loss.</summary>
public class QualitySetLossBench : OpBench<MatchSize>
{
    private MatchTruth truth = null!;
    private Tensor match = null!;
    private QueryGroups groups = null!;

    internal override MatchSize[] Tiny => [new(2, 2, 9, 3, 5)];

    internal override MatchSize[] Real => [new(6, 2, 1700, 20, 80)];

    internal override Tensor[] Inputs()
    {
        truth = Size.Truth(Next);
        match = Make([Size.Problems, Size.Predictions], () => Next() < 0.4f ? (int)(Next() * Size.Truths) : -1);
        int denoising = Size.Predictions / 8, auxiliary = Size.Predictions / 6;
        groups = new([denoising, Size.Predictions - denoising - (2 * auxiliary), auxiliary, auxiliary]);
        Tensor boxes = Make([Size.Problems, Size.Predictions, 4], () => 0.1f + 0.3f * Next());
        boxes.RequiresGrad = true;
        return [Uniform(Size.Problems, Size.Predictions, Size.Classes), boxes];
    }

    internal override Tensor Run(Tensor[] t) => t[0].SetLoss(t[1], match, truth, groups, ClassTerm.QualityFocal);
}
