namespace CoDetr.Tensors;

/// <summary>Maps cut into square windows, and put together again.</summary>
public static class WindowOp
{
    private static readonly Kernel Partition = new("window.cu", "window_partition");
    private static readonly Kernel Merge = new("window.cu", "window_merge");
    private static readonly Kernel FillBackward = new("window.cu", "window_fill_backward");

    extension(Tensor x)
    {
        /// <summary>Cuts each map <c>real[batch, height, width, channels]</c> into windows, row by row; the last ones reach beyond it.</summary>
        /// <param name="size">Height and width of a window.</param>
        /// <param name="fill">What a cell beyond the map holds, <c>f32[channels]</c>; zeros if null</param>
        /// <param name="byColumns">Whether the cells of a window lie column by column instead of row by row.</param>
        /// <returns><c>real[batch · windows, tokens, channels]</c></returns>
        public Tensor WindowPartition(int size, Tensor? fill = null, bool byColumns = false)
        {
            Check.Rank(x, 4);
            Check.That(size > 0, $"a window has at least one cell, got {size}.");
            (int batch, int height, int width, int channels) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
            if (fill is not null)
            {
                Check.Shape(fill, [channels]);
            }

            Tensor y = x.New(batch * CountOf(height, width, size), size * size, channels);
            Cut(y, x, fill, size, byColumns);
            return GradNode.Record(nameof(WindowPartition), y, [x, fill], dy =>
            {
                Tensor? dx = x.RequiresGrad ? x.Like() : null, dfill = null;
                if (dx is not null)
                {
                    Join(dx, dy, size, byColumns);
                }

                if (fill is { RequiresGrad: true })
                {
                    int runs = RowRuns.Of(dy.Count / Math.Max(channels, 1), channels);
                    dfill = fill.New(runs, channels);
                    Work work = Work.Teams(runs, Math.Min(channels, 256), cost: dy.Count / runs);
                    x.Device.Launch(FillBackward, work, dfill, dy, batch, height, width, channels, size, byColumns ? 1 : 0, runs);
                    dfill = dfill.Sum(0);
                }

                return [dx, dfill];
            });
        }

        /// <summary>Puts windows <c>real[batch · windows, tokens, channels]</c> together again; what lies beyond the map is left out.</summary>
        /// <param name="size">Height and width of a window.</param>
        /// <param name="map">Height and width of each map.</param>
        /// <returns><c>real[batch, height, width, channels]</c></returns>
        public Tensor WindowMerge(int size, Spatial map)
        {
            Check.Rank(x, 3);
            int windows = CountOf(map.Height, map.Width, size), channels = x.Shape[2];
            Check.That(
                x.Shape[0] % windows == 0 && x.Shape[1] == size * size,
                $"x must be [batch · {windows}, {size * size}, channels] for windows of {size} of a map of {map.Height}×{map.Width}, got {x.Shape}.");
            Tensor y = x.New(x.Shape[0] / windows, map.Height, map.Width, channels);
            Join(y, x, size, byColumns: false);
            return GradNode.Record(nameof(WindowMerge), y, [x], dy =>
            {
                Tensor dx = x.Like();
                Cut(dx, dy, null, size, byColumns: false);
                return [dx];
            });
        }
    }

    private static int CountOf(int height, int width, int size) => ((height + size - 1) / size) * ((width + size - 1) / size);

    private static void Cut(Tensor windows, Tensor map, Tensor? fill, int size, bool byColumns) => map.Device.Launch(
        Partition, WorkOf(windows, size), windows, map, fill, map.Shape[0], map.Shape[1], map.Shape[2], map.Shape[3], size, byColumns ? 1 : 0);

    private static void Join(Tensor map, Tensor windows, int size, bool byColumns) => map.Device.Launch(
        Merge, WorkOf(windows, size), map, windows, map.Shape[0], map.Shape[1], map.Shape[2], map.Shape[3], size, byColumns ? 1 : 0);

    /// <summary>One team for each row of cells of each window.</summary>
    private static Work WorkOf(Tensor windows, int size)
    {
        int run = size * windows.Shape[2];
        return Work.Teams((long)windows.Shape[0] * size, Math.Min(run, 256), cost: run);
    }
}
