using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Pictures as the network takes them.</summary>
/// <param name="Images"><c>f32[batch, height, width, 3]</c>: normalised, zeros at the right and bottom up to the largest.</param>
/// <param name="Sizes">Each picture's size before padding, in pixels of the network's input.</param>
/// <param name="ValidSizes">The same on the device, <c>f32[batch, 2]</c>: height and width.</param>
public sealed record ImageBatch(Tensor Images, IReadOnlyList<ImageSize> Sizes, Tensor ValidSizes)
{
    /// <summary>Uploads the sizes; images are <c>f32[batch, height, width, 3]</c>.</summary>
    public ImageBatch(Tensor images, IReadOnlyList<ImageSize> sizes)
        : this(images, sizes, Upload(sizes))
    {
    }

    /// <summary>The size that all pictures were padded to.</summary>
    public ImageSize PaddedSize => new(Images.Shape[1], Images.Shape[2]);

    /// <summary>Picture sizes on the device, <c>f32[batch, 2]</c>.</summary>
    internal static Tensor Upload(IReadOnlyList<ImageSize> sizes) =>
        Tensor.From([.. sizes.SelectMany(size => new[] { (float)size.Height, size.Width })], [sizes.Count, 2]);
}
