namespace CoDetr.Data;

/// <summary>An object's mask as the file gives it: polygons, or run lengths. Decoded only when asked for.</summary>
public sealed class Segmentation
{
    private const double MostPixels = 100_000; // a corner further out is no place in a picture, and the outline to it would not end

    private readonly RunLengths? _runs;
    private readonly (int Height, int Width, string Text)? _packed;

    private Segmentation(double[][] polygons, RunLengths? runs, (int, int, string)? packed)
    {
        Polygons = polygons;
        _runs = runs;
        _packed = packed;
    }

    /// <summary>Corner points x, y, x, y, … in pixels, one array per polygon; empty when the mask is given as run lengths.</summary>
    public IReadOnlyList<double[]> Polygons { get; }

    /// <summary>Height and width in pixels that the run lengths are for; null for polygons, which fit any image.</summary>
    public (int Height, int Width)? Size => _packed is { } packed ? (packed.Height, packed.Width) : _runs is null ? null : (_runs.Height, _runs.Width);

    /// <summary>A mask of one or more polygons, united.</summary>
    public static Segmentation FromPolygons(double[][] polygons) => new(polygons, null, null);

    /// <summary>A mask given as run lengths.</summary>
    public static Segmentation FromRuns(RunLengths runs) => new([], runs, null);

    /// <summary>A mask given as the compact string of the COCO API.</summary>
    public static Segmentation FromString(int height, int width, string text) => new([], null, (height, width, text));

    /// <summary>The mask as run lengths.</summary>
    /// <param name="height">of the image in pixels; used for polygons</param>
    /// <param name="width">of the image in pixels; used for polygons</param>
    /// <exception cref="FormatException">the compact string is damaged</exception>
    public RunLengths ToRunLengths(int height, int width)
    {
        if (Decoded() is { } runs)
            return runs;
        var mask = new byte[height * width];
        Draw(mask, height, width);
        return RunLengths.FromMask(mask, height, width);
    }

    /// <summary>Sets to 1 what the object covers; the rest of the mask stays as it is.</summary>
    /// <param name="mask">bytes, row-major <c>[height, width]</c></param>
    /// <param name="height">of the image in pixels; that of <see cref="Size"/> if there is one</param>
    /// <param name="width">of the image in pixels; that of <see cref="Size"/> if there is one</param>
    /// <exception cref="FormatException">the compact string is damaged</exception>
    internal void Draw(Span<byte> mask, int height, int width)
    {
        Decoded()?.Draw(mask);
        foreach (double[] polygon in Polygons)
            PolygonRaster.Rasterize(polygon, height, width).Draw(mask);
    }

    /// <summary>Why it cannot be drawn; null if it can.</summary>
    internal string? Fault()
    {
        foreach (double[] polygon in Polygons)
            foreach (double corner in polygon)
                if (Math.Abs(corner) > MostPixels)
                    return $"a corner lies at {corner}";
        try
        {
            if (Decoded() is not { } runs)
                return null;
            long pixels = (long)runs.Height * runs.Width, covered = runs.Runs.Sum(run => (long)run);
            return covered > pixels ? $"the run lengths cover {covered} pixels of {runs.Width} x {runs.Height}" : null;
        }
        catch (FormatException e)
        {
            return e.Message;
        }
    }

    private RunLengths? Decoded() => _packed is { } packed ? RunLengths.Parse(packed.Height, packed.Width, packed.Text) : _runs;
}
