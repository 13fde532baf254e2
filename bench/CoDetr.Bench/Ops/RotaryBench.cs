using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Queries of ViT-L: 64 channels a head.</summary>
public class RotaryBench : OpBench<MapSize>
{
    internal override MapSize[] Tiny => [new(3, 4, 128)];

    internal override MapSize[] Real => [new(30, 40, 1024), new(50, 84, 1024)];

    internal override long Bytes => 2 * Size.Elements * sizeof(float);

    internal override Tensor[] Inputs() => [Uniform(1, Size.Height, Size.Width, Size.Channels)];

    internal override Tensor Run(Tensor[] t) => t[0].Rotary(Size.Channels / 64, period: 24);
}
