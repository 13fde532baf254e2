namespace CoDetr.Tensors;

/// <summary>How a value between pixels is made from them.</summary>
public enum Sampling
{
    /// <summary>The nearest pixel.</summary>
    Nearest,

    /// <summary>Two by two pixels, by distance.</summary>
    Bilinear,

    /// <summary>Four by four pixels, cubic convolution with a = -0.75.</summary>
    Bicubic,
}

/// <summary>Resizing of channels-last maps.</summary>
public static class InterpolateOp
{
    private static readonly Kernel Forward = new("interpolate.cu", "interpolate_forward");
    private static readonly Kernel Backward = new("interpolate.cu", "interpolate_backward");

    extension(Tensor x)
    {
        /// <summary>Resizes each map; as <c>torch.nn.functional.interpolate</c> with a size.</summary>
        /// <param name="size">Height and width of the result.</param>
        /// <param name="sampling">Which pixels are looked at.</param>
        /// <param name="alignCorners">Whether the centers of the corner pixels meet, instead of the corners of the maps.</param>
        /// <returns><c>real[batch, out height, out width, channels]</c></returns>
        public Tensor Interpolate(Spatial size, Sampling sampling = Sampling.Bilinear, bool alignCorners = false)
        {
            Check.Rank(x, 4);
            (int batch, int height, int width, int channels) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
            Check.That(size is { Height: > 0, Width: > 0 } && height > 0 && width > 0, $"a map of {x.Shape} cannot become {size}.");
            Check.That(sampling != Sampling.Nearest || !alignCorners, "the nearest pixel knows no aligned corners.");
            double Scale(int from, int to) => !alignCorners ? (double)from / to : to > 1 ? (from - 1.0) / (to - 1) : 0;
            (double scaleH, double scaleW) = (Scale(height, size.Height), Scale(width, size.Width));
            int taps = 1 << (int)sampling, aligned = alignCorners ? 1 : 0;

            Tensor y = x.New(batch, size.Height, size.Width, channels);
            x.Device.Launch(
                Forward, Work.Teams((long)batch * size.Height * size.Width, channels, cost: (long)channels * taps * taps), y, x,
                batch, height, width, channels, size.Height, size.Width, scaleH, scaleW, taps, aligned);
            return GradNode.Record(nameof(Interpolate), y, [x], dy =>
            {
                Tensor dx = x.Like();
                long pixels = (long)batch * height * width, looks = y.Count / Math.Max(pixels, 1) * taps * taps;
                x.Device.Launch(
                    Backward, Work.Teams(pixels, channels, cost: Math.Max(looks, channels)), dx, dy,
                    batch, height, width, channels, size.Height, size.Width, scaleH, scaleW, taps, aligned);
                return [dx];
            });
        }
    }
}
