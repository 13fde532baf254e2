using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>How the tokens of a batch lie: the levels one after another, and which cells are padding (spec/model.md §4.1–4.6).</summary>
internal sealed class TokenGrid
{
    private TokenGrid(FeatureLevels levels, byte[] padding, int batch)
    {
        Levels = levels;
        IsPadded = padding.Contains((byte)1);
        Padding = Tensor.From(padding, [batch, levels.Tokens]);
        ValidRatios = levels.ValidRatios(Padding);
        LevelOfToken = Tensor.From<int>([.. Enumerable.Range(0, levels.Count).SelectMany(i => Enumerable.Repeat(i, levels[i].Height * levels[i].Width))], [levels.Tokens]);
    }

    /// <summary>Sizes and starts of the levels.</summary>
    internal FeatureLevels Levels { get; }

    /// <summary>Whether any token is padding.</summary>
    internal bool IsPadded { get; }

    /// <summary><c>u8[batch, tokens]</c>, 1 = padding.</summary>
    internal Tensor Padding { get; }

    /// <summary><c>f32[batch, levels, 2]</c>: the valid share (x, y) of each level's width and height.</summary>
    internal Tensor ValidRatios { get; }

    /// <summary><c>i32[tokens]</c></summary>
    internal Tensor LevelOfToken { get; }

    /// <summary>Lays out the levels of a batch.</summary>
    /// <param name="levelSizes">Size of each level, finest first.</param>
    /// <param name="padded">Size of the batch's padded pictures.</param>
    /// <param name="sizes">Size of each picture before padding.</param>
    internal static TokenGrid Of(IReadOnlyList<ImageSize> levelSizes, ImageSize padded, IReadOnlyList<ImageSize> sizes)
    {
        FeatureLevels levels = new(levelSizes.Select(size => (size.Height, size.Width)));
        return new TokenGrid(levels, [.. sizes.SelectMany(size => levelSizes.SelectMany(level => PaddingOf(level, padded, size)))], sizes.Count);
    }

    /// <summary>A grid whose padding is given: <c>[batch, tokens]</c>, 1 = padding.</summary>
    internal static TokenGrid FromPadding(IReadOnlyList<ImageSize> levelSizes, byte[] padding)
    {
        FeatureLevels levels = new(levelSizes.Select(size => (size.Height, size.Width)));
        return new TokenGrid(levels, padding, padding.Length / levels.Tokens);
    }

    /// <summary>A cell is padding if the picture's pixel that is nearest to it (the reference's rounding: down) is.</summary>
    private static byte[] PaddingOf(ImageSize level, ImageSize padded, ImageSize image)
    {
        byte[] cells = new byte[level.Height * level.Width];
        for (int y = 0; y < level.Height; y++)
        {
            bool isBelow = (long)y * padded.Height / level.Height >= image.Height;
            for (int x = 0; x < level.Width; x++)
            {
                cells[(y * level.Width) + x] = isBelow || (long)x * padded.Width / level.Width >= image.Width ? (byte)1 : (byte)0;
            }
        }

        return cells;
    }
}
