using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>How the tokens of a batch lie: the levels one after another, and which cells are padding (spec/model.md §4.1–4.6).</summary>
internal sealed class TokenGrid
{
    private TokenGrid(FeatureLevels levels, Tensor padding, bool isPadded)
    {
        (Levels, Padding, IsPadded) = (levels, padding, isPadded);
        ValidRatios = levels.ValidRatios(Padding);
    }

    /// <summary>Sizes and starts of the levels.</summary>
    internal FeatureLevels Levels { get; }

    /// <summary>Whether any token is padding.</summary>
    internal bool IsPadded { get; }

    /// <summary><c>u8[batch, tokens]</c>, 1 = padding.</summary>
    internal Tensor Padding { get; }

    /// <summary><c>f32[batch, levels, 2]</c>: the valid share (x, y) of each level's width and height.</summary>
    internal Tensor ValidRatios { get; }

    /// <summary>Lays out the levels of a batch; nothing is uploaded.</summary>
    /// <param name="levelSizes">Size of each level, finest first.</param>
    /// <param name="batch">The pictures.</param>
    internal static TokenGrid Of(IReadOnlyList<ImageSize> levelSizes, ImageBatch batch)
    {
        FeatureLevels levels = LevelsOf(levelSizes);
        ImageSize padded = batch.PaddedSize;
        bool isPadded = batch.Sizes.Any(size => levelSizes.Any(level =>
            LastPixel(level.Height, padded.Height) >= size.Height || LastPixel(level.Width, padded.Width) >= size.Width));
        return new TokenGrid(levels, levels.Padding(batch.ValidSizes, (padded.Height, padded.Width)), isPadded);
    }

    /// <summary>A grid whose padding is given: <c>[batch, tokens]</c>, 1 = padding.</summary>
    internal static TokenGrid FromPadding(IReadOnlyList<ImageSize> levelSizes, byte[] padding)
    {
        FeatureLevels levels = LevelsOf(levelSizes);
        return new TokenGrid(levels, Tensor.From(padding, [padding.Length / levels.Tokens, levels.Tokens]), padding.Contains((byte)1));
    }

    private static FeatureLevels LevelsOf(IReadOnlyList<ImageSize> sizes) => new(sizes.Select(size => (size.Height, size.Width)));

    /// <summary>The pixel that the last of so many cells looks at.</summary>
    private static int LastPixel(int cells, int pixels) => (int)((long)(cells - 1) * pixels / cells);
}
