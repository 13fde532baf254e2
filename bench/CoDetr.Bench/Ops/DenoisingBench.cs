using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>The denoising queries of a training step.</summary>
public class DenoisingBench : SizedBench<MatchSize>
{
    private MatchTruth truth = null!;

    internal override MatchSize[] Tiny => [new(1, 2, 18, 3, 5)];

    internal override MatchSize[] Real => [new(1, 2, 200, 20, 80), new(1, 16, 1000, 100, 80)];

    internal override Tensor[] Inputs()
    {
        truth = Size.Truth(Next);
        int rows = Size.Predictions * Size.Images;
        return [Make([rows], Next), Make([rows], Next), Make([rows, 4], Next), Make([rows, 4], Next)];
    }

    internal override Tensor Run(Tensor[] t) => truth.Denoising(
        new DenoisingNumbers(t[0], t[1], t[2], t[3]), Size.Predictions / Size.Truths, Size.Truths, Size.Classes, labelNoise: 0.5f, boxNoise: 1).BoxLogits;
}
