using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Denoising, main and twice as many positive queries as a head has.</summary>
public sealed record BlockedQueriesSize(int Denoising, int Parts, int Main, int Positive)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Denoising} + {Main} + 2·{Positive} queries";
}

/// <summary>The mask that keeps the query groups of a training step apart.</summary>
public class BlockedQueriesBench : SizedBench<BlockedQueriesSize>
{
    internal override BlockedQueriesSize[] Tiny => [new(4, 2, 5, 3)];

    internal override BlockedQueriesSize[] Real => [new(200, 5, 900, 300)];

    internal override Tensor[] Inputs() => [];

    internal override Tensor Run(Tensor[] t) => Tensor.BlockedQueries(
        [new(Size.Denoising, Size.Parts, SeesMain: true), new(Size.Main), new(Size.Positive), new(Size.Positive)], main: 1);
}
