using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Priors and the objects of each picture.</summary>
public sealed record PriorsSize(int Images, int Priors, int Truths)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Images} × {Priors}, {Truths} objects";
}

/// <summary>Assignment by largest overlap, with the rule for low quality, as a region-proposal head has it.</summary>
public class AssignIouBench : SizedBench<PriorsSize>
{
    private static readonly MaxIouSettings Settings = new(0.7f, 0.3f, 0.3f, true);

    internal override PriorsSize[] Tiny => [new(2, 70, 3)];

    internal override PriorsSize[] Real => [new(2, 60_000, 10), new(2, 60_000, 100), new(2, 230_000, 10)];

    internal override Tensor[] Inputs() => [BoxesOf(Size.Priors), BoxesOf(Size.Images * Size.Truths), Make([Size.Images], () => Size.Truths)];

    internal override Tensor Run(Tensor[] t) => t[0].AssignIou(null, null, t[1].Reshape(Size.Images, Size.Truths, 4), t[2], Settings).Index;

    private Tensor BoxesOf(int count)
    {
        float[] box = new float[4];
        int i = 0;
        return Make([count, 4], () =>
        {
            box[i % 4] = i % 4 < 2 ? Next() * 900 : box[(i % 4) - 2] + 8 + Next() * 200;
            return box[i++ % 4];
        });
    }
}

/// <summary>The targets of an assignment, and what losses are averaged over.</summary>
public class AssignmentsBench : SizedBench<PriorsSize>
{
    internal override PriorsSize[] Tiny => [new(2, 70, 3)];

    internal override PriorsSize[] Real => [new(2, 230_000, 10)];

    internal override long Bytes => (4L + 4 + 16 + 4) * Size.Images * Size.Priors;

    internal override Tensor[] Inputs() =>
    [
        Make([Size.Images, Size.Priors], () => Next() < 0.01f ? (int)(Next() * Size.Truths) : Next() < 0.9f ? -1 : -2),
        Make([Size.Images, Size.Truths, 4], Next),
        Make([Size.Images, Size.Truths], () => (int)(Next() * 80)),
    ];

    internal override Tensor Run(Tensor[] t) => t[0].AssignmentTargets(t[1], t[2], 80).Boxes;
}

/// <summary>A random sample of 256, half of them positive at most.</summary>
public class SampleRoiBench : SizedBench<PriorsSize>
{
    internal override PriorsSize[] Tiny => [new(2, 700, 3)];

    internal override PriorsSize[] Real => [new(2, 60_000, 10), new(2, 230_000, 10)];

    internal override Tensor[] Inputs() =>
    [
        Make([Size.Images, Size.Priors], () => Next() < 0.01f ? (int)(Next() * Size.Truths) : Next() < 0.9f ? -1 : -2),
        Make([Size.Images, Size.Priors], Next),
        Make([Size.Images, Size.Priors], Next),
    ];

    internal override Tensor Run(Tensor[] t) => t[0].SampleRandom(t[1], t[2], 256, 128);
}
