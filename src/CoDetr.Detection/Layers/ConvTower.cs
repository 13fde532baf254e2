using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>3×3 convolutions one after another, each with group norm (or a bias) and ReLU. None of them is the map itself.</summary>
internal sealed class ConvTower : Module
{
    private readonly Step[] steps;

    /// <param name="width">Channels.</param>
    /// <param name="convs">How many.</param>
    /// <param name="hasNorm">Whether they are normalised; if not, they have biases.</param>
    /// <param name="start">How the filters start.</param>
    internal ConvTower(int width, int convs, bool hasNorm, Initializer start) =>
        steps = [.. Enumerable.Range(0, convs).Select(i => Add($"{i}", new Step(width, hasNorm, start)))];

    /// <returns><c>real[batch, height, width, channels]</c>, like the map</returns>
    internal Tensor Forward(Tensor map) => steps.Aggregate(map, (x, step) => step.Forward(x));

    private sealed class Step : Module
    {
        private readonly Conv2d conv;
        private readonly GroupNorm? norm;

        internal Step(int width, bool hasNorm, Initializer start)
        {
            conv = Add("conv", new Conv2d(width, width, 3, hasBias: !hasNorm, start: start, biasStart: Initializer.Zero));
            norm = hasNorm ? Add("gn", new GroupNorm(width)) : null;
        }

        internal Tensor Forward(Tensor x) => norm is null ? conv.Forward(x, Activation.Relu) : norm.Forward(conv.Forward(x), Activation.Relu);
    }
}
