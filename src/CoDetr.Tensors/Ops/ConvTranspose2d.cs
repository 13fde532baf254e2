namespace CoDetr.Tensors;

/// <summary>The transposed convolution over channels-last maps.</summary>
public static class ConvTranspose2dOp
{
    extension(Tensor x)
    {
        /// <summary>The transposed convolution: each pixel paints its window, and windows that overlap add up.</summary>
        /// <param name="weight"><c>f32[channels, kernel height, kernel width, out channels]</c></param>
        /// <param name="bias"><c>f32[out channels]</c>, or null</param>
        /// <param name="stride">Pixels from one window to the next, in the output.</param>
        /// <param name="padding">Pixels cut off on each side of the output.</param>
        /// <returns><c>real[batch, (height - 1) · stride + kernel - 2 · padding, the same for width, out channels]</c></returns>
        public Tensor ConvTranspose2d(Tensor weight, Tensor? bias = null, Spatial? stride = null, Spatial? padding = null)
        {
            Check.Rank(x, 4);
            Check.Rank(weight, 4);
            Product.RequireTypes(nameof(ConvTranspose2d), x, weight);
            Check.That(x.Shape[3] == weight.Shape[0], $"x must have {weight.Shape[0]} channels, got {x.Shape}.");
            Convolution c = new() { Stride = stride ?? 1, Padding = padding ?? 0 };
            Tensor y = x.New(
                x.Shape[0],
                ((x.Shape[1] - 1) * c.Stride.Height) + weight.Shape[1] - (2 * c.Padding.Height),
                ((x.Shape[2] - 1) * c.Stride.Width) + weight.Shape[2] - (2 * c.Padding.Width),
                weight.Shape[3]);
            if (bias is not null)
            {
                Check.Shape(bias, [weight.Shape[3]]);
                Epilogue.FillRows(y, bias);
            }

            x.Device.Convolve(ConvolutionPass.BackwardData, Conv2dOp.Problem(y, weight, x, c) with { Accumulate = bias is null ? 0 : 1 });
            return GradNode.Record(nameof(ConvTranspose2d), y, [x, weight, bias], dy =>
            {
                Tensor? dx = x.RequiresGrad ? x.Like() : null;
                if (dx is not null)
                {
                    x.Device.Convolve(ConvolutionPass.Forward, Conv2dOp.Problem(dy, weight, dx, c));
                }

                return [dx, Conv2dOp.WeightGradient(dy, weight, x, c), Epilogue.Gradients(dy, null, bias).Dbias];
            });
        }
    }
}
