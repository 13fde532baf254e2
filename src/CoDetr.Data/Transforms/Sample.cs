namespace CoDetr.Data;

/// <summary>One image on its way through the transforms, with its boxes and, where they are wanted, masks.</summary>
public sealed class Sample
{
    private readonly SpareImage _spare;
    private ObjectMasks? _masks;

    /// <summary>A sample with memory of its own.</summary>
    public Sample() : this(new SpareImage()) { }

    internal Sample(SpareImage spare) => _spare = spare;

    /// <summary>The pixels, padding included.</summary>
    public ImageU8 Image { get; private set; } = new(1, 1);

    /// <summary>Height of the image without padding, pixels.</summary>
    public int Height { get; private set; }

    /// <summary>Width of the image without padding, pixels.</summary>
    public int Width { get; private set; }

    /// <summary>Height of the file's image, pixels.</summary>
    public int OriginalHeight { get; private set; }

    /// <summary>Width of the file's image, pixels.</summary>
    public int OriginalWidth { get; private set; }

    /// <summary>Width of the last resize's result over width of its input.</summary>
    public float ScaleX { get; internal set; }

    /// <summary>Height of the last resize's result over height of its input.</summary>
    public float ScaleY { get; internal set; }

    /// <summary>Boxes x1 y1 x2 y2 in pixels of <see cref="Image"/>, four numbers each.</summary>
    public List<float> Boxes { get; } = [];

    /// <summary>Class of each box.</summary>
    public List<int> Labels { get; } = [];

    /// <summary>The objects' masks; null when they are not wanted.</summary>
    internal ObjectMasks? Masks { get; private set; }

    /// <summary>What the next transform may write into before it calls <see cref="Take"/>.</summary>
    internal ImageU8 Spare => _spare.Image;

    /// <summary>Starts over with the image that was read into <see cref="Image"/>.</summary>
    /// <param name="withMasks">whether the objects' masks are wanted</param>
    public void Begin(bool withMasks = false)
    {
        (Height, Width) = (OriginalHeight, OriginalWidth) = (Image.Height, Image.Width);
        ScaleX = ScaleY = 1;
        Boxes.Clear();
        Labels.Clear();
        Masks = withMasks ? _masks ??= new ObjectMasks() : null;
        Masks?.Begin(Height, Width);
    }

    /// <summary>Adds an object; its box is clipped to the image.</summary>
    /// <param name="x1">left edge in pixels</param>
    /// <param name="y1">top edge in pixels</param>
    /// <param name="x2">right edge in pixels</param>
    /// <param name="y2">bottom edge in pixels</param>
    /// <param name="label">class from 0</param>
    /// <param name="mask">what it covers; run lengths must be of the image's size. Null: its box</param>
    public void AddObject(double x1, double y1, double x2, double y2, int label, Segmentation? mask = null)
    {
        Boxes.Add((float)Math.Clamp(x1, 0, Width));
        Boxes.Add((float)Math.Clamp(y1, 0, Height));
        Boxes.Add((float)Math.Clamp(x2, 0, Width));
        Boxes.Add((float)Math.Clamp(y2, 0, Height));
        Labels.Add(label);
        Masks?.Add(mask);
    }

    /// <summary>Draws the mask of an object into the top left corner of a bitmap that may be larger than the image; the rest becomes zero.</summary>
    /// <param name="i">which object</param>
    /// <param name="bitmap">0 and 1: <c>u8[height, width]</c></param>
    /// <param name="width">of the bitmap, pixels</param>
    internal void DrawMask(int i, Span<byte> bitmap, int width)
    {
        bitmap.Clear();
        if (Masks!.TryDraw(i, bitmap, width))
            return;
        // A pixel belongs to a box if its centre does, as for heads that know boxes only.
        var (left, top) = (FirstPixel(Boxes[4 * i]), FirstPixel(Boxes[4 * i + 1]));
        var (right, bottom) = (FirstPixel(Boxes[4 * i + 2]), FirstPixel(Boxes[4 * i + 3]));
        for (int y = top; y < bottom; y++)
            bitmap.Slice(y * width + left, right - left).Fill(1);

        static int FirstPixel(float edge) => (int)Math.Ceiling(edge - 0.5);
    }

    /// <summary>Makes the spare image, just written, the sample's own. <paramref name="padded"/>: only padding was added.</summary>
    internal void Take(bool padded = false)
    {
        (Image, _spare.Image) = (_spare.Image, Image);
        if (!padded)
            (Height, Width) = (Image.Height, Image.Width);
    }

    /// <summary>Leaves out the objects whose boxes do not pass.</summary>
    internal void KeepBoxes(Func<float, float, float, float, bool> keep)
    {
        int kept = 0;
        for (int i = 0; i < Labels.Count; i++)
        {
            var (x1, y1, x2, y2) = (Boxes[4 * i], Boxes[4 * i + 1], Boxes[4 * i + 2], Boxes[4 * i + 3]);
            if (!keep(x1, y1, x2, y2))
                continue;
            SetBox(kept, x1, y1, x2, y2);
            Masks?.Move(i, kept);
            Labels[kept++] = Labels[i];
        }
        Masks?.Truncate(kept);
        Boxes.RemoveRange(4 * kept, Boxes.Count - 4 * kept);
        Labels.RemoveRange(kept, Labels.Count - kept);
    }

    internal void SetBox(int i, float x1, float y1, float x2, float y2)
    {
        (Boxes[4 * i], Boxes[4 * i + 1], Boxes[4 * i + 2], Boxes[4 * i + 3]) = (x1, y1, x2, y2);
    }
}

/// <summary>The image that transforms write into; the samples of one worker share it.</summary>
internal sealed class SpareImage
{
    internal ImageU8 Image { get; set; } = new(1, 1);
}
