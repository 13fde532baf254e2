namespace CoDetr.Data;

/// <summary>One image on its way through the transforms, with its boxes.</summary>
public sealed class Sample
{
    private readonly SpareImage _spare;

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

    /// <summary>What the next transform may write into before it calls <see cref="Take"/>.</summary>
    internal ImageU8 Spare => _spare.Image;

    /// <summary>Starts over with the image that was read into <see cref="Image"/>.</summary>
    public void Begin()
    {
        (Height, Width) = (OriginalHeight, OriginalWidth) = (Image.Height, Image.Width);
        ScaleX = ScaleY = 1;
        Boxes.Clear();
        Labels.Clear();
    }

    /// <summary>Adds an object; its box is clipped to the image.</summary>
    public void AddObject(double x1, double y1, double x2, double y2, int label)
    {
        Boxes.Add((float)Math.Clamp(x1, 0, Width));
        Boxes.Add((float)Math.Clamp(y1, 0, Height));
        Boxes.Add((float)Math.Clamp(x2, 0, Width));
        Boxes.Add((float)Math.Clamp(y2, 0, Height));
        Labels.Add(label);
    }

    /// <summary>Makes the spare image, just written, the sample's own. <paramref name="padded"/>: only padding was added.</summary>
    internal void Take(bool padded = false)
    {
        (Image, _spare.Image) = (_spare.Image, Image);
        if (!padded)
            (Height, Width) = (Image.Height, Image.Width);
    }

    /// <summary>Leaves out the boxes that do not pass.</summary>
    internal void KeepBoxes(Func<float, float, float, float, bool> keep)
    {
        int kept = 0;
        for (int i = 0; i < Labels.Count; i++)
        {
            var (x1, y1, x2, y2) = (Boxes[4 * i], Boxes[4 * i + 1], Boxes[4 * i + 2], Boxes[4 * i + 3]);
            if (!keep(x1, y1, x2, y2))
                continue;
            SetBox(kept, x1, y1, x2, y2);
            Labels[kept++] = Labels[i];
        }
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
