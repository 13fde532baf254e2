namespace CoDetr.Tensors;

/// <summary>Pooling over windows of a map.</summary>
public static class PoolOp
{
    private const int MostTaps = 254; // one byte per output remembers where the maximum lay
    private static readonly Kernel Forward = new("pool.cu", "pool_max_forward");
    private static readonly Kernel Backward = new("pool.cu", "pool_max_backward");

    extension(Tensor x)
    {
        /// <summary>The largest value of each channel in each window; what lies outside the map is not looked at.</summary>
        /// <param name="kernel">The window.</param>
        /// <param name="stride">From one window to the next; the window's own size if null.</param>
        /// <param name="padding">How far windows reach beyond the map; at most half of the window.</param>
        /// <returns><c>real[batch, out height, out width, channels]</c></returns>
        public Tensor MaxPool2d(Spatial kernel, Spatial? stride = null, Spatial? padding = null)
        {
            Check.Rank(x, 4);
            (Spatial step, Spatial pad) = (stride ?? kernel, padding ?? 0);
            Check.That(kernel.Height * kernel.Width <= MostTaps, $"a window has at most {MostTaps} pixels, got {kernel}.");
            Check.That(2 * pad.Height <= kernel.Height && 2 * pad.Width <= kernel.Width, $"the padding {pad} is more than half of the window {kernel}.");
            (int batch, int height, int width, int channels) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
            Check.That(
                height + (2 * pad.Height) >= kernel.Height && width + (2 * pad.Width) >= kernel.Width, $"the window {kernel} does not fit the map {x.Shape}.");
            int outHeight = ((height + (2 * pad.Height) - kernel.Height) / step.Height) + 1;
            int outWidth = ((width + (2 * pad.Width) - kernel.Width) / step.Width) + 1;

            Tensor y = x.New(batch, outHeight, outWidth, channels), taps = Tensor.Empty(y.Shape, DType.U8, x.Device);
            x.Device.Launch(
                Forward, Work.Teams((long)batch * outHeight * outWidth, channels, 8 * channels, (long)channels * kernel.Height * kernel.Width), y, taps, x,
                batch, height, width, channels, outHeight, outWidth, kernel.Height, kernel.Width, step.Height, step.Width, pad.Height, pad.Width);
            return GradNode.Record(nameof(MaxPool2d), y, [x], dy =>
            {
                Tensor dx = x.Like();
                x.Device.Launch(
                    Backward, Work.Teams((long)batch * height * width, channels, cost: 4L * channels), dx, dy, taps,
                    batch, height, width, channels, outHeight, outWidth, kernel.Height, kernel.Width, step.Height, step.Width, pad.Height, pad.Width);
                return [dx];
            });
        }
    }
}
