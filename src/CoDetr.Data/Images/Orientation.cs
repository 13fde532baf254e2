namespace CoDetr.Data;

/// <summary>Copies decoded pixels into an image, turned as the EXIF orientation says.</summary>
internal static class Orientation
{
    /// <summary>Whether height and width change places.</summary>
    internal static bool Swaps(int orientation) => orientation is >= 5 and <= 8;

    /// <param name="source">four bytes a pixel (red, green, blue, anything), rows of <paramref name="rowBytes"/></param>
    /// <param name="height">of the source</param>
    /// <param name="width">of the source</param>
    /// <param name="rowBytes">from one source row to the next</param>
    /// <param name="orientation">1 to 8, as in EXIF</param>
    /// <param name="target">takes the turned size</param>
    internal static void Copy(ReadOnlySpan<byte> source, int height, int width, int rowBytes, int orientation, ImageU8 target)
    {
        if (Swaps(orientation))
            target.Reshape(width, height);
        else
            target.Reshape(height, width);
        // Where pixel (0, 0) goes, and how far one step right and one step down carry, in target pixels.
        int last = target.Width - 1, bottom = (target.Height - 1) * target.Width, down = target.Width;
        var (origin, stepX, stepY) = orientation switch
        {
            2 => (last, -1, down),
            3 => (bottom + last, -1, -down),
            4 => (bottom, 1, -down),
            5 => (0, down, 1),
            6 => (last, down, -1),
            7 => (bottom + last, -down, -1),
            8 => (bottom, -down, 1),
            _ => (0, 1, down),
        };
        Span<byte> pixels = target.Pixels;
        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<byte> row = source.Slice(y * rowBytes, 4 * width);
            int at = 3 * (origin + y * stepY);
            for (int s = 0; s < row.Length; s += 4, at += 3 * stepX)
            {
                pixels[at] = row[s];
                pixels[at + 1] = row[s + 1];
                pixels[at + 2] = row[s + 2];
            }
        }
    }
}
