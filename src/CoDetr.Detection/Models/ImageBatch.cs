using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Pictures as the network takes them.</summary>
/// <param name="Images"><c>f32[batch, height, width, 3]</c>: normalised, zeros at the right and bottom up to the largest.</param>
/// <param name="Sizes">Each picture's size before padding, in pixels of the network's input.</param>
public sealed record ImageBatch(Tensor Images, IReadOnlyList<ImageSize> Sizes)
{
    /// <summary>The size that all pictures were padded to.</summary>
    public ImageSize PaddedSize => new(Images.Shape[1], Images.Shape[2]);
}
