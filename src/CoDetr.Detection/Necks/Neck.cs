using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>A backbone's maps to levels of one width.</summary>
internal abstract class Neck : Module
{
    /// <param name="stages">Of the backbone, finest first.</param>
    /// <returns>Finest first: <c>real[batch, height, width, channels]</c> each.</returns>
    internal abstract Tensor[] Forward(Tensor[] stages);
}
