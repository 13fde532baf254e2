namespace CoDetr.Tensors;

/// <summary>Into how many bins a box is cut.</summary>
/// <param name="Rows">Of bins.</param>
/// <param name="Columns">Of bins.</param>
/// <param name="Samples">Of a bin along each side; 0: as many as cells that it touches.</param>
/// <param name="IsAligned">Whether cell centers lie at halves, and boxes have no least size of one cell.</param>
public readonly record struct RoiBins(int Rows, int Columns, int Samples = 0, bool IsAligned = true)
{
    /// <summary>As many rows as columns.</summary>
    public static implicit operator RoiBins(int bins) => new(bins, bins);
}

/// <summary>The contents of boxes, each as a small map of one size (He et al., 2017).</summary>
public static class RoiAlignOp
{
    private const int Block = 128; // channels that a team pools
    private const int OwnedBlock = 64; // channels that one owner scatters into
    private const int LaneBlock = 32; // one for each lane of a GPU's team
    private static readonly Kernel Forward = new("roi_align.cu", "roi_align_forward");
    private static readonly Kernel Backward = new("roi_align.cu", "roi_align_backward");

    extension(Tensor)
    {
        /// <summary>
        /// Pools each box from the level that fits its size: floor(log2(√area / finestScale + 1e-6)), held within the levels. Gradients flow to the maps.
        /// </summary>
        /// <param name="maps">Finest first, each half as fine as the one before: <c>real[batch, height, width, channels]</c>.</param>
        /// <param name="boxes">Corners in pixels, <c>f32[batch, boxes, 4]</c>.</param>
        /// <param name="firstStride">Pixels per cell of the finest map.</param>
        /// <param name="finestScale">Boxes with sides below twice this come from the finest map.</param>
        /// <param name="bins">A number, for as many rows as columns, or more.</param>
        /// <param name="counts"><c>i32[batch]</c>: boxes of each picture, zeros behind them; null: all.</param>
        /// <param name="deterministic">Whether gradients are summed in the same order on a GPU too, which is slower; on the CPU they always are.</param>
        /// <returns><c>real[batch, boxes, rows, columns, channels]</c></returns>
        public static Tensor RoiAlign(
            IReadOnlyList<Tensor> maps, Tensor boxes, int firstStride, float finestScale, RoiBins bins, Tensor? counts = null, bool deterministic = false)
        {
            CheckArguments(maps, boxes, bins, counts);
            (int batch, int most, int channels) = (boxes.Shape[0], boxes.Shape[1], maps[0].Shape[3]);
            Tensor y = maps[0].New(batch, most, bins.Rows, bins.Columns, channels);
            long cost = 12L * bins.Rows * bins.Columns / maps.Count;
            foreach ((int level, Tensor map) in maps.Index())
            {
                int block = Math.Clamp(channels, 1, Block);
                Work work = Work.Teams((long)batch * most * Blocks(channels, block), 32, Scratch(map, bins), cost * block);
                y.Device.Launch(
                    Forward, work, y, map, boxes, counts, batch, most, map.Shape[1], map.Shape[2], channels, block, bins.Rows, bins.Columns, bins.Samples,
                    bins.IsAligned ? 1 : 0, 1f / (firstStride << level), level, maps.Count, finestScale);
            }

            return GradNode.Record(nameof(RoiAlign), y, [.. maps], dy => [.. maps.Select((map, level) =>
            {
                if (!map.RequiresGrad)
                {
                    return null;
                }

                Tensor dmap = Tensor.Zeros(map.Shape, map.DType.Sums, map.Device);
                int block = Math.Clamp(channels, 1, deterministic ? LaneBlock : OwnedBlock), run = deterministic ? Math.Max(most, 1) : 1;
                Work work = Work.Teams((long)batch * Blocks(channels, block) * Blocks(most, run), 32, Scratch(map, bins), cost * block * run);
                y.Device.Launch(
                    Backward, work, dmap, dy, boxes, counts, batch, most, map.Shape[1], map.Shape[2], channels, block, run, bins.Rows, bins.Columns,
                    bins.Samples, bins.IsAligned ? 1 : 0, 1f / (firstStride << level), level, maps.Count, finestScale);
                return dmap.Cast(map.DType);
            })]);
        }
    }

    private static int Blocks(int count, int block) => (count + block - 1) / block;

    /// <summary>Weights of all rows and columns of a map, and the range of each bin.</summary>
    private static int Scratch(Tensor map, RoiBins bins)
    {
        int weights = map.Shape[1] + map.Shape[2] + (2 * (bins.Rows + bins.Columns));
        return (weights * (map.DType == DType.F64 ? sizeof(double) : sizeof(float))) + (2 * (bins.Rows + bins.Columns) * sizeof(int)) + 32;
    }

    private static void CheckArguments(IReadOnlyList<Tensor> maps, Tensor boxes, RoiBins bins, Tensor? counts)
    {
        const string Op = nameof(RoiAlign);
        Check.That(maps.Count > 0, "there is no map.", Op);
        Check.That(bins is { Rows: > 0, Columns: > 0, Samples: >= 0 }, $"bins must be at least one row and column and no negative samples, got {bins}.", Op);
        Check.Rank(boxes, 3, op: Op);
        Check.Type(boxes, DType.F32, op: Op);
        Check.Shape(boxes, boxes.Shape.With(2, 4), sizes: "[batch, boxes, 4]", op: Op);
        int batch = boxes.Shape[0];
        foreach (Tensor map in maps)
        {
            Check.Rank(map, 4, op: Op);
            Check.That(
                map.Shape[0] == batch && map.Shape[3] == maps[0].Shape[3] && map.DType == maps[0].DType,
                $"maps must be {maps[0].DType}[{batch}, height, width, {maps[0].Shape[3]}], got {map}.", Op);
            Check.That(map.Shape.Count == 0 || map.Shape.CountOf(1, 3) > 0, $"a map has at least one cell, got {map.Shape}.", Op);
            Check.That(Scratch(map, bins) <= map.Device.MostScratchBytes, $"{map.Shape} is too large a map for {map.Device.Description}.", Op);
        }

        if (counts is not null)
        {
            Check.Type(counts, DType.I32, op: Op);
            Check.Shape(counts, [batch], op: Op);
        }
    }
}
