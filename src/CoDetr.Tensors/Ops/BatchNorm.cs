namespace CoDetr.Tensors;

/// <summary>Batch normalisation of channels-last maps.</summary>
public static class BatchNormOp
{
    private static readonly Kernel Track = new("batch_norm.cu", "batch_norm_track");
    private static readonly Kernel Frozen = new("batch_norm.cu", "batch_norm_frozen");

    extension(Tensor x)
    {
        /// <summary>
        /// Normalises each channel by its statistics over all images and pixels (training, which also moves the running statistics) or by the running
        /// statistics; then scales, shifts, adds the residual and applies the activation in the same pass.
        /// </summary>
        /// <param name="weight"><c>f32[channels]</c></param>
        /// <param name="bias"><c>f32[channels]</c></param>
        /// <param name="runningMean"><c>f32[channels]</c>, written in training</param>
        /// <param name="runningVariance"><c>f32[channels]</c>, written in training: moves towards the unbiased variance</param>
        /// <param name="training">Whether the batch's own statistics are used.</param>
        /// <param name="momentum">How far the running statistics move towards the batch's.</param>
        /// <param name="epsilon">Added to the variance.</param>
        /// <param name="activation"><see cref="Activation.None"/> or <see cref="Activation.Relu"/>; applied last.</param>
        /// <param name="residual">Like the input, or null; added before the activation.</param>
        /// <returns><c>real[..., channels]</c></returns>
        public Tensor BatchNorm(
            Tensor weight,
            Tensor bias,
            Tensor runningMean,
            Tensor runningVariance,
            bool training,
            float momentum = 0.1f,
            float epsilon = 1e-5f,
            Activation activation = Activation.None,
            Tensor? residual = null)
        {
            int channels = x.Shape[^1];
            Check.Shape(weight, [channels]);
            Check.Shape(bias, [channels]);
            Check.Shape(runningMean, [channels]);
            Check.Shape(runningVariance, [channels]);
            Check.That(residual is null || residual.Shape == x.Shape, $"the residual must be {x.Shape}, got {residual?.Shape}.");
            Check.That(activation is Activation.None or Activation.Relu, $"the activation must be None or Relu, got {activation}.");

            ChannelNorm norm = new(1, x.Count / Math.Max(channels, 1), channels, Math.Max(channels, 1));
            Tensor mean = runningMean, rstd = weight.New(channels);
            if (training)
            {
                Check.That(norm.Rows > 1, $"{x.Shape} has fewer than two values per channel to measure.");
                Tensor variance = weight.New(channels);
                (mean, rstd) = norm.Measure(x, weight, epsilon, variance);
                double correction = norm.Rows / (norm.Rows - 1.0);
                x.Device.Launch(Track, Work.Elements(channels), runningMean, runningVariance, mean, variance, momentum, correction, channels);
            }
            else
            {
                x.Device.Launch(Frozen, Work.Elements(channels), rstd, runningVariance, epsilon, channels);
            }

            Tensor y = norm.Apply(x, mean, rstd, weight, bias, activation, residual);
            return GradNode.Record(nameof(BatchNorm), y, [x, weight, bias, residual], dy =>
            {
                (Tensor dx, Tensor dweight, Tensor dbias, Tensor? dresidual) = norm.Gradients(
                    dy, activation == Activation.Relu ? y : null, x, mean, rstd, weight, residual is not null, isFrozen: !training);
                return [dx, dweight, dbias, dresidual];
            });
        }
    }
}
