namespace CoDetr.Tensors;

/// <summary>Group normalisation of channels-last maps and tokens.</summary>
public static class GroupNormOp
{
    extension(Tensor x)
    {
        /// <summary>
        /// Gives each image's groups of channels zero mean and unit variance over all pixels, then scales and shifts each channel and applies the activation
        /// in the same pass.
        /// </summary>
        /// <param name="groups">How many groups of neighbouring channels.</param>
        /// <param name="weight"><c>f32[channels]</c></param>
        /// <param name="bias"><c>f32[channels]</c></param>
        /// <param name="epsilon">Added to the variance.</param>
        /// <param name="activation"><see cref="Activation.None"/> or <see cref="Activation.Relu"/>; applied last.</param>
        /// <returns><c>real[batch, ..., channels]</c>, like the input</returns>
        public Tensor GroupNorm(int groups, Tensor weight, Tensor bias, float epsilon = 1e-5f, Activation activation = Activation.None)
        {
            Check.That(x.Shape.Length >= 2, $"x must be [batch, ..., channels], got {x.Shape}.");
            int images = x.Shape[0], channels = x.Shape[^1];
            Check.That(groups > 0 && channels % groups == 0, $"{channels} channels do not fall into {groups} groups.");
            Check.Shape(weight, [channels]);
            Check.Shape(bias, [channels]);
            Check.That(activation is Activation.None or Activation.Relu, $"the activation must be None or Relu, got {activation}.");

            ChannelNorm norm = new(images, x.Shape.CountOf(1, x.Shape.Length - 1), channels, groups);
            Check.That(norm.Rows > 0, $"an image of {x.Shape} has no pixels to measure.");
            (Tensor mean, Tensor rstd) = norm.Measure(x, weight, epsilon);
            Tensor y = norm.Apply(x, mean, rstd, weight, bias, activation);
            return GradNode.Record(nameof(GroupNorm), y, [x, weight, bias], dy =>
            {
                (Tensor dx, Tensor dweight, Tensor dbias, _) = norm.Gradients(dy, activation == Activation.Relu ? y : null, x, mean, rstd, weight);
                return [dx, dweight, dbias];
            });
        }
    }
}
