namespace CoDetr.Detection;

/// <summary>What a training may change about the auxiliary heads of a model: the ablations of the paper's tables.</summary>
public sealed record Collaboration
{
    /// <summary>Kinds of auxiliary heads, in any order, the same one twice included; null leaves the model's own.</summary>
    public IReadOnlyList<string>? Heads { get; init; }

    /// <summary>λ1, the weight of the positive queries' losses (paper, equation 6 and Table 13).</summary>
    public float Lambda1 { get; init; } = 1;

    /// <summary>λ2, the weight of the heads' own losses; each decoder layer counts once.</summary>
    public float Lambda2 { get; init; } = 2;

    /// <summary>Convolutions before the predictions of dense heads; null for one.</summary>
    public int? Convs { get; init; }

    /// <summary>Whether positives become decoder queries.</summary>
    public bool HasPositiveQueries { get; init; } = true;

    /// <summary>Whether the heads' own losses are trained.</summary>
    public bool TrainsHeads { get; init; } = true;
}
