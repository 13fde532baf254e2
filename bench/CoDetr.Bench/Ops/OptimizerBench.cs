using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>AdamW over all parameters of a Deformable-DETR R50 at once: reads four arrays and writes four.</summary>
public class OptimizerBench : SizedBench<int>
{
    private const int Arrays = 4; // parameters, gradients, first and second moment

    internal override int[] Tiny => [96];

    internal override int[] Counted => [65536];

    internal override int[] Real => [40_000_000];

    internal override string SizeName => $"{Size / 1e6:0.####} M parameters";

    internal override long Bytes => 2L * Arrays * Size * sizeof(float);

    internal override Tensor[] Inputs()
    {
        Tensor rates = Tensor.Empty([Size / OptimizerOp.Block, 2]).Fill(1);
        return [Filled(), Filled(), Filled(), Filled(), rates];
    }

    internal override Tensor Run(Tensor[] t)
    {
        t[0].AdamWInPlace(t[1], t[2], t[3], t[4], new AdamWSettings(1e-4), step: 1);
        return t[0];
    }

    private Tensor Filled() => Tensor.Empty([Size]).Fill(0.5f);
}
