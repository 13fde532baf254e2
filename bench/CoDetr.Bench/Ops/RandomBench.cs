using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Uniform random numbers: keys of a sampler's pools.</summary>
public class RandomBench : SizedBench<Rows>
{
    internal override Rows[] Tiny => [new(2, 37)];

    internal override Rows[] Real => [new(2, 60_000), new(16, 230_000)];

    internal override long Bytes => 4 * Size.Elements;

    internal override Tensor[] Inputs() => [Make([2], () => 7)];

    internal override Tensor Run(Tensor[] t) => t[0].RandomUniform(3, [Size.Count, Size.Channels]);
}
