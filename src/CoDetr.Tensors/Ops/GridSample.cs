namespace CoDetr.Tensors;

/// <summary>What a sample finds outside the map.</summary>
public enum SamplePadding
{
    /// <summary>Zeros.</summary>
    Zeros,

    /// <summary>The nearest pixel of the border.</summary>
    Border,
}

/// <summary>Sampling of channels-last maps at given points.</summary>
public static class GridSampleOp
{
    private const int Block = 32; // channels of one writer of the input's gradient
    private static readonly Kernel Forward = new("grid_sample.cu", "grid_sample_forward");
    private static readonly Kernel BackwardInput = new("grid_sample.cu", "grid_sample_backward_input");
    private static readonly Kernel BackwardGrid = new("grid_sample.cu", "grid_sample_backward_grid");

    extension(Tensor x)
    {
        /// <summary>Samples each map at its grid of points; as <c>torch.nn.functional.grid_sample</c>.</summary>
        /// <param name="grid"><c>f32[batch, out height, out width, 2]</c>: (x, y), [-1, 1] spans the map</param>
        /// <param name="sampling"><see cref="Sampling.Bilinear"/> or <see cref="Sampling.Nearest"/>.</param>
        /// <param name="padding">What lies outside.</param>
        /// <param name="alignCorners">Whether ±1 are the centers of the corner pixels, instead of the map's edges.</param>
        /// <returns><c>real[batch, out height, out width, channels]</c></returns>
        public Tensor GridSample(
            Tensor grid, Sampling sampling = Sampling.Bilinear, SamplePadding padding = SamplePadding.Zeros, bool alignCorners = false)
        {
            Check.Rank(x, 4);
            Check.Rank(grid, 4);
            (int batch, int height, int width, int channels) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
            (int outHeight, int outWidth) = (grid.Shape[1], grid.Shape[2]);
            Check.Shape(grid, [batch, outHeight, outWidth, 2]);
            Check.That(sampling != Sampling.Bicubic, "points are sampled bilinearly or from the nearest pixel.");
            Check.That(height > 0 && width > 0, $"a map of {x.Shape} has no pixels.");

            int points = outHeight * outWidth, nearest = sampling == Sampling.Nearest ? 1 : 0, border = padding == SamplePadding.Border ? 1 : 0;
            int aligned = alignCorners ? 1 : 0;
            Work work = Work.Teams((long)batch * points, channels, cost: 4L * channels);
            Tensor y = x.New(batch, outHeight, outWidth, channels);
            x.Device.Launch(Forward, work, y, x, grid, batch, points, height, width, channels, nearest, border, aligned);
            return GradNode.Record(nameof(GridSample), y, [x, grid], dy =>
            {
                Tensor? dx = x.RequiresGrad ? grid.NewZeros([.. x.Shape]) : null, dgrid = grid.RequiresGrad ? grid.Like() : null;
                if (dx is not null)
                {
                    long blocks = (channels + Block - 1) / Block;
                    x.Device.Launch(
                        BackwardInput, Work.Teams(batch * blocks * points, Block, cost: 4L * Block), dx, dy, grid,
                        batch, points, height, width, channels, nearest, border, aligned, Block);
                }

                if (dgrid is not null)
                {
                    x.Device.Launch(BackwardGrid, work, dgrid, dy, x, grid, batch, points, height, width, channels, nearest, border, aligned);
                }

                return [dx?.Cast(x.DType), dgrid];
            });
        }
    }
}
