namespace CoDetr.Data;

/// <summary>An object's mask as the file gives it: polygons, or run lengths. Decoded only when asked for.</summary>
public sealed class Segmentation
{
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
        if (_packed is { } packed)
            return RunLengths.Parse(packed.Height, packed.Width, packed.Text);
        if (_runs is not null)
            return _runs;
        var mask = new byte[height * width];
        foreach (double[] polygon in Polygons)
        {
            byte[] one = PolygonRaster.Rasterize(polygon, height, width).ToMask();
            for (int i = 0; i < mask.Length; i++)
                mask[i] |= one[i];
        }
        return RunLengths.FromMask(mask, height, width);
    }
}
