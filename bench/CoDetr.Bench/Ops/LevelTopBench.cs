using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>The best of the levels of a pyramid: rows, or pairs of rows and classes.</summary>
public sealed record LevelTopSize(int[] Levels, int Classes, int Most)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Most} of {string.Join("+", Levels)}{(Classes > 0 ? $" × {Classes}" : "")}";
}

/// <summary>Candidates of a dense head for suppression; the real size is a pyramid over 800×1333 pixels.</summary>
public class LevelTopBench : SizedBench<LevelTopSize>
{
    internal override LevelTopSize[] Tiny => [new([30, 6], 0, 10), new([30, 6], 3, 10)];

    internal override LevelTopSize[] Real => [new([16700, 4200, 1050, 273, 77], 0, 1000), new([1000, 1000, 1000, 273, 77], 80, 1000)];

    internal override Tensor[] Inputs() => [Uniform(1, Size.Levels.Sum(), Math.Max(Size.Classes, 1)), Uniform(1, Size.Levels.Sum(), 4)];

    internal override Tensor Run(Tensor[] t) => Size.Classes == 0
        ? t[0].Reshape(1, -1).LevelTopRows(Size.Levels, Size.Most)
        : t[0].LevelTopPairs(t[1], null, Size.Levels, Size.Most, -2).Scores; // below all scores: what is left out would be -infinity
}

/// <summary>Kept boxes, candidates and classes.</summary>
public sealed record VotingSize(int Kept, int Rows, int Classes)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Kept} of {Rows}×{Classes}";
}

/// <summary>Score voting of a picture's detections by the candidates of five levels.</summary>
public class ScoreVotingBench : SizedBench<VotingSize>
{
    internal override VotingSize[] Tiny => [new(5, 40, 3)];

    internal override VotingSize[] Real => [new(100, 3350, 80)];

    internal override Tensor[] Inputs() =>
    [
        Uniform(1, Size.Kept, 4), Make([1, Size.Kept], () => (int)(Next() * Size.Classes)), Make([1], () => Size.Kept), Uniform(1, Size.Rows, 4), Uniform(1, Size.Rows, Size.Classes),
    ];

    internal override Tensor Run(Tensor[] t) => t[0].ScoreVoting(t[1], t[2], t[3], t[4], 0);
}
