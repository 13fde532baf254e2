using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Candidates of a head, so many of them positive, and queries of each picture.</summary>
public sealed record CandidatesSize(int Images, int Candidates, int Positives, int Queries)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Queries} of {Images}×{Candidates}, {Positives} positive";
}

/// <summary>Choosing the extra queries of one head: sampled regions, one anchor for each cell, nine for each cell.</summary>
public class PositiveQueriesBench : SizedBench<CandidatesSize>
{
    internal override CandidatesSize[] Tiny => [new(2, 50, 7, 12)];

    internal override CandidatesSize[] Real => [new(2, 512, 128, 128), new(2, 22300, 200, 300), new(2, 22300, 800, 300), new(2, 200700, 800, 300)];

    internal override Tensor[] Inputs() =>
    [
        Make([Size.Images, Size.Candidates], () => Next() * Size.Candidates < Size.Positives ? 0 : -1),
        Make([Size.Images, Size.Candidates, 4], () => 100 * Next()),
        Make([Size.Images, 2], () => 800f),
        Make([Size.Images, Size.Candidates], Next),
        Make([Size.Images, Size.Candidates], Next),
    ];

    internal override Tensor Run(Tensor[] t) => t[0].PositiveQueries(Size.Queries, t[1], t[2], 1, t[3], t[4]).Boxes;
}
