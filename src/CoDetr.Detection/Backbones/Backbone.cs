using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Pictures to maps of several resolutions.</summary>
internal abstract class Backbone : Module
{
    /// <param name="images"><c>real[batch, height, width, 3]</c></param>
    /// <param name="draws">For stochastic depth in training; null when detecting.</param>
    /// <returns>Finest first: <c>real[batch, height, width, channels]</c> each.</returns>
    internal abstract Tensor[] Forward(Tensor images, Draws? draws);
}
