using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>Gradient descent with momentum 0.9.</summary>
public sealed class Sgd(FlatParameters parameters, IReadOnlyList<ParameterRule> rules, double weightDecay, double clipNorm)
    : Optimizer(parameters, rules, weightDecay, clipNorm)
{
    private const float Momentum = 0.9f;

    private readonly Tensor velocity = Buffer(parameters);

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Tensor Value)> State => [("velocity", velocity)];

    /// <inheritdoc/>
    protected override void Update(Tensor numbers, Tensor norm, float clip) =>
        Parameters.Trained.SgdInPlace(Parameters.Gradients, velocity, Rates, numbers, WeightDecay, Momentum, norm, clip);
}
