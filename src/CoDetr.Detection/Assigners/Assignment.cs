using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Which prediction answers for which object: every assigner returns it, every sampler and loss takes it; counts stay on the device.</summary>
/// <param name="Index">
/// <c>i32[batch, predictions]</c>: the object of the picture, counted from 0, that a prediction is positive for; or <see cref="Negative"/>, or
/// <see cref="Ignored"/>.
/// </param>
internal sealed record Assignment(Tensor Index)
{
    /// <summary>Background.</summary>
    internal const int Negative = -1;

    /// <summary>Neither: between the thresholds, in an ignored region, on padding, not sampled, no prediction at all.</summary>
    internal const int Ignored = -2;
}
