using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Pictures to maps of several resolutions.</summary>
internal abstract class Backbone : Module
{
    /// <summary>Whether each block of a transformer is computed again in backward instead of being remembered.</summary>
    internal bool Recomputes { get; set; }

    /// <param name="images"><c>real[batch, height, width, 3]</c></param>
    /// <param name="draws">For stochastic depth in training; null when detecting.</param>
    /// <returns>Finest first: <c>real[batch, height, width, channels]</c> each.</returns>
    internal abstract Tensor[] Forward(Tensor images, Draws? draws);

    /// <summary>One block: remembered, or computed again in backward; where nothing is recorded, all but its output is forgotten at once.</summary>
    internal static Tensor Run(Module block, Tensor x, Func<Tensor, Tensor> forward, bool recomputes) => recomputes
        ? Recompute.Run([x], t => forward(t[0]), block.NamedParameters().Select(pair => pair.Parameter.Value))
        : StepScope.Contain(() => forward(x));
}
