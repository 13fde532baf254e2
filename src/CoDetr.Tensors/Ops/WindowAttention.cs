namespace CoDetr.Tensors;

/// <summary>Multi-head attention within the windows of a map, in one launch: windows are never copied out, scores never leave a team's scratch.</summary>
public static class WindowAttentionOp
{
    private const int Lanes = 256;
    private const int Teams = 256; // of the backward pass, about: each keeps sums of its own
    private const int ScratchBytes = 160 << 10; // of a team, if the tile can be chosen so small
    private static readonly Kernel Bias = new("window_attention.cu", "window_attention_bias");
    private static readonly Kernel BiasBackward = new("window_attention.cu", "window_attention_bias_backward");
    private static readonly Kernel Forward = new("window_attention.cu", "window_attention_forward");
    private static readonly Kernel Backward = new("window_attention.cu", "window_attention_backward");

    extension(Tensor x)
    {
        /// <summary>
        /// Each cell takes the mean of its window's values, weighted by the softmax of its query's products with their keys and a bias by relative place.
        /// Shifted windows reach around the map's ends, and -100 is added between cells that are no neighbours there. The last windows reach beyond the map.
        /// This tensor holds queries, keys and values: <c>real[batch, height, width, 3 · channels]</c>.
        /// </summary>
        /// <param name="padding">What it would hold beyond the map: <c>f32[3 · channels]</c></param>
        /// <param name="table">The bias by relative row, relative column and head: <c>f32[places, heads]</c> with (2 · window - 1)² places</param>
        /// <param name="window">Height and width of a window.</param>
        /// <param name="shift">How many cells windows begin further right and down.</param>
        /// <returns><c>real[batch, height, width, channels]</c></returns>
        public Tensor WindowAttention(Tensor padding, Tensor table, int window, int shift = 0)
        {
            Check.Rank(x, 4);
            Check.Rank(table, 2);
            (int batch, int height, int width, int heads) = (x.Shape[0], x.Shape[1], x.Shape[2], table.Shape[1]);
            Check.That(window > 0 && shift >= 0 && shift < window, $"a window of {window} cells cannot be shifted by {shift}.");
            Check.That(heads > 0 && x.Shape[3] % (3 * heads) == 0, $"{x.Shape[3]} channels do not fall into queries, keys and values of {heads} heads.");
            Check.Shape(table, [((2 * window) - 1) * ((2 * window) - 1), heads], sizes: "[(2 · window - 1)², heads]");
            Check.Shape(padding, [x.Shape[3]], sizes: "[3 · channels]");
            int channels = x.Shape[3] / 3 / heads, cells = window * window;
            int windows = batch * ((height + window - 1) / window) * ((width + window - 1) / window);
            double root = 1 / Math.Sqrt(channels);

            Tensor y = x.New(batch, height, width, heads * channels);
            (int tile, int scratch) = TileOf(x, cells, channels, isBackward: false);
            x.Device.Launch(
                Forward, Work.Teams((long)windows * heads, Lanes, scratch, 4L * cells * cells * channels), y, x, padding, Expanded(table, window),
                batch, height, width, window, shift, heads, channels, tile, root);
            return GradNode.Record(nameof(WindowAttention), y, [x, padding, table], dy =>
            {
                int runs = Math.Clamp((Teams + heads - 1) / heads, 1, windows);
                Tensor dx = x.Like(), dpadding = padding.New(runs, x.Shape[3]), dbias = table.New(runs, heads, cells, cells), dtable = table.Like();
                (tile, scratch) = TileOf(x, cells, channels, isBackward: true);
                x.Device.Launch(
                    Backward, Work.Teams((long)heads * runs, Lanes, scratch, 10L * cells * cells * channels * windows / runs), dx, dpadding, dbias, dy, x, padding,
                    Expanded(table, window), batch, height, width, window, shift, heads, channels, tile, root, runs);
                x.Device.Launch(BiasBackward, Work.Elements(table.Count, cells), dtable, dbias.Sum(0), window, heads);
                return [dx, dpadding.Sum(0), dtable];
            });
        }
    }

    /// <summary>The bias of each head, key and query.</summary>
    private static Tensor Expanded(Tensor table, int window)
    {
        int heads = table.Shape[1], cells = window * window;
        Tensor bias = table.New(heads, cells, cells);
        table.Device.Launch(Bias, Work.Elements(bias.Count, 8), bias, table, window, heads);
        return bias;
    }

    /// <summary>How many queries a team does at a time, and the scratch that it takes: all of a small window, less of a large one.</summary>
    private static (int Tile, int ScratchBytes) TileOf(Tensor x, int cells, int channels, bool isBackward)
    {
        int most = Math.Min(x.Device.MostScratchBytes, ScratchBytes);
        foreach (int tile in (ReadOnlySpan<int>)[cells <= 64 ? cells : 48, 24, 16])
        {
            if (ScratchOf(tile, cells, channels, x.DType.Sums.Size, isBackward) is int bytes && bytes <= most)
            {
                return (tile, bytes);
            }
        }

        return (8, ScratchOf(8, cells, channels, x.DType.Sums.Size, isBackward));
    }

    /// <summary>What the kernels' <c>TEAM_SCRATCH</c> words take together.</summary>
    private static int ScratchOf(int tile, int cells, int channels, int size, bool isBackward)
    {
        int queries = (tile + 7) & ~7, row = ((channels + 7) & ~7) + 1, both = isBackward ? 2 : 1;
        int numbers = both * ((2 * cells * row) + (queries * row) + ((channels + cells) * (queries + 1))) + (5 * queries);
        return (numbers * size) + (2 * cells * sizeof(int)) + (14 * 8);
    }
}
