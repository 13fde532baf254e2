using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>Adam with decoupled weight decay. Source: Loshchilov and Hutter, arXiv 1711.05101.</summary>
public sealed class AdamW(FlatParameters parameters, IReadOnlyList<ParameterRule> rules, double weightDecay, double clipNorm)
    : Optimizer(parameters, rules, weightDecay, clipNorm)
{
    private readonly Tensor first = Buffer(parameters);
    private readonly Tensor second = Buffer(parameters);

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Tensor Value)> State => [("first_moment", first), ("second_moment", second)];

    /// <inheritdoc/>
    public override UpdateNumbers NumbersOf(double rate) => new AdamWSettings(rate).NumbersOf(Updates + 1);

    /// <inheritdoc/>
    protected override void Update(Tensor numbers, Tensor norm, float clip) =>
        Parameters.Trained.AdamWInPlace(Parameters.Gradients, first, second, Rates, new AdamWSettings(0, WeightDecay), numbers, norm, clip);
}
