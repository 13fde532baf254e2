using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>A residual branch of the first stage of Swin-T.</summary>
public class StochasticDepthBench : OpBench<MapSize>
{
    private Tensor draws = null!;

    internal override MapSize[] Tiny => [new(3, 4, 8)];

    internal override MapSize[] Real => [new(120, 160, 96)];

    internal override long Bytes => 3 * 2 * Size.Elements * sizeof(float);

    internal override Tensor[] Inputs()
    {
        draws = Tensor.From([0.1f, 0.9f]);
        return [Uniform(2, Size.Height, Size.Width, Size.Channels), Uniform(2, Size.Height, Size.Width, Size.Channels)];
    }

    internal override Tensor Run(Tensor[] t) => t[0].StochasticDepth(t[1], draws, 0.2f);
}
