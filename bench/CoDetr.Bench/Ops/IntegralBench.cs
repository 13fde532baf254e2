using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>The four sides of the boxes of a pyramid over 480×640 pixels, each a distribution over 17 bins.</summary>
public class IntegralBench : OpBench<Rows>
{
    internal override Rows[] Tiny => [new(12, 17)];

    internal override Rows[] Real => [new(25600, 17)];

    internal override long Bytes => (Size.Elements + Size.Count) * sizeof(float);

    internal override Tensor[] Inputs() => [Uniform(Size.Count, Size.Channels)];

    internal override Tensor Run(Tensor[] t) => t[0].Integral();
}
