namespace CoDetr.Tensors;

/// <summary>Layer normalisation over the last dimension.</summary>
public static class LayerNormOp
{
    private const int Runs = 64; // partial sums of the affine gradients
    private static readonly Kernel Forward = new("layer_norm.cu", "layer_norm_forward");
    private static readonly Kernel BackwardInput = new("layer_norm.cu", "layer_norm_backward_input");
    private static readonly Kernel BackwardAffine = new("layer_norm.cu", "layer_norm_backward_affine");

    extension(Tensor x)
    {
        /// <summary>Gives the last dimension zero mean and unit variance, then scales and shifts it.</summary>
        /// <param name="weight"><c>f32[channels]</c></param>
        /// <param name="bias"><c>f32[channels]</c></param>
        /// <param name="epsilon">Added to the variance.</param>
        /// <returns><c>real[..., channels]</c></returns>
        public Tensor LayerNorm(Tensor weight, Tensor bias, float epsilon = 1e-5f)
        {
            int channels = x.Shape[^1], rows = (int)(x.Count / Math.Max(channels, 1));
            Check.Shape(weight, [channels]);
            Check.Shape(bias, [channels]);

            Tensor y = x.Like(), mean = weight.New(rows), rstd = weight.New(rows);
            x.Device.Launch(Forward, Work.Rows(rows, channels), y, mean, rstd, x, weight, bias, rows, channels, epsilon);

            return GradNode.Record(nameof(LayerNorm), y, [x, weight, bias], dy =>
            {
                int runs = Math.Min(rows, Runs);
                Tensor dx = x.Like(), dweight = weight.New(runs, channels), dbias = weight.New(runs, channels);
                x.Device.Launch(BackwardInput, Work.Rows(rows, channels), dx, dy, x, mean, rstd, weight, rows, channels);
                x.Device.Launch(
                    BackwardAffine, Work.Teams(runs, channels, cost: x.Count / Math.Max(runs, 1)), dweight, dbias, dy, x, mean, rstd, rows, channels, runs);
                return [dx, dweight.Sum(0), dbias.Sum(0)];
            });
        }
    }
}
