namespace CoDetr.Tensors;

/// <summary>Rotary position embedding of maps: queries and keys are turned by their place, so that products depend on distances.</summary>
public static class RotaryOp
{
    private const float Span = 16; // positions of the grid that it was first trained on: all others are scaled to them
    private const float Theta = 10000;
    private static readonly Kernel TableKernel = new("rotary.cu", "rotary_table");
    private static readonly Kernel Turn = new("rotary.cu", "rotary_turn");

    extension(Tensor x)
    {
        /// <summary>
        /// Turns each head's channels of <c>real[batch, height, width, channels]</c> by the place of their cell: the first half by its row, the second by its column.
        /// </summary>
        /// <param name="heads">How many slices of the channels turn alike; each is a multiple of 4 wide.</param>
        /// <param name="period">After so many rows and columns positions begin again: the size of a window; that of the map if null.</param>
        /// <returns><c>real[batch, height, width, channels]</c></returns>
        public Tensor Rotary(int heads, Spatial? period = null)
        {
            Check.Rank(x, 4);
            (int batch, int height, int width, int channels) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
            Check.That(heads > 0 && channels % (4 * heads) == 0, $"{channels} channels do not fall into {heads} heads of a multiple of 4.");
            Spatial places = period ?? (height, width);
            Check.That(places is { Height: > 0, Width: > 0 }, $"the period {places} has no cell.");
            Tensor table = Table(places, channels / heads, x.DType.Sums, x.Device);
            return GradNode.Record(nameof(Rotary), Turned(x, table, heads, places, 1), [x], dy => [Turned(dy, table, heads, places, -1)]);
        }
    }

    /// <summary>Cosines, then sines: of each row, then of each column. <c>f32[2, rows + columns, channels / 4]</c></summary>
    internal static Tensor Table(Spatial places, int channels, DType dtype, Device device)
    {
        int positions = places.Height + places.Width, pairs = channels / 4;
        Tensor table = Tensor.Empty([2, positions, pairs], dtype, device);
        device.Launch(TableKernel, Work.Elements((long)positions * pairs, 100), table, places.Height, places.Width, pairs, Span, Theta);
        return table;
    }

    private static Tensor Turned(Tensor x, Tensor table, int heads, Spatial places, int sign)
    {
        Tensor y = x.Like();
        int channels = x.Shape[3], pairs = channels / heads / 4;
        int scratch = 2 * (((2 * pairs * table.DType.Size) + 7) & ~7);
        x.Device.Launch(
            Turn, Work.Teams(x.Count / Math.Max(channels, 1), Math.Min(channels / 2, 128), scratch, channels), y, x, table,
            x.Shape[0], x.Shape[1], x.Shape[2], heads, pairs, places.Height, places.Width, sign);
        return y;
    }
}
