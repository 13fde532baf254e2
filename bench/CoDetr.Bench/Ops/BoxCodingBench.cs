using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Decoding the anchors of every picture, as a dense head's box loss does.</summary>
public class DecodeDeltasBench : OpBench<Rows>
{
    private static readonly DeltaCoding Coding = (0.1f, 0.1f, 0.2f, 0.2f);
    private Tensor priors = null!;

    internal override Rows[] Tiny => [new(2, 40)];

    internal override Rows[] Real => [new(2, 25_000), new(2, 230_000)];

    internal override long Bytes => (2 * Size.Elements + Size.Channels) * 16;

    internal override Tensor[] Inputs()
    {
        float x = 0;
        priors = Make([Size.Channels, 4], () => x += 8 * Next());
        return [Uniform(Size.Count, Size.Channels, 4)];
    }

    internal override Tensor Run(Tensor[] t) => t[0].DecodeDeltas(priors, Coding);
}
