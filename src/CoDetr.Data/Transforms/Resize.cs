namespace CoDetr.Data;

/// <summary>A pair of edge lengths that an image is fitted into; the order of the two does not matter when the ratio is kept.</summary>
/// <param name="Width">pixels</param>
/// <param name="Height">pixels</param>
public readonly record struct Scale(int Width, int Height);

/// <summary>
/// Resizes image, boxes and masks to one of several scales. Boxes are clipped to the result; of a mask the nearest pixels are taken. One draw when there is a
/// choice.
/// </summary>
public sealed class Resize(IReadOnlyList<Scale> scales, bool keepRatio = true) : Transform
{
    /// <summary>The training scales of DETR: one of several short edges, one limit for the long edge.</summary>
    public static Resize ToShortEdge(IEnumerable<int> shortEdges, int longEdge) => new([.. shortEdges.Select(s => new Scale(longEdge, s))]);

    /// <inheritdoc/>
    public override bool Apply(Sample sample, Draws draws)
    {
        Scale scale = scales[scales.Count == 1 ? 0 : draws.Between(0, scales.Count - 1)];
        if (keepRatio)
            Fit(sample, scale);
        else
            To(sample, scale.Height, scale.Width);
        return true;
    }

    /// <summary>The largest size of an image's own ratio that fits: long edge into the longer, short edge into the shorter of the two.</summary>
    public static (int Height, int Width) FittedSize(int height, int width, Scale scale)
    {
        int longEdge = Math.Max(scale.Width, scale.Height), shortEdge = Math.Min(scale.Width, scale.Height);
        double factor = Math.Min((double)longEdge / Math.Max(height, width), (double)shortEdge / Math.Min(height, width));
        return ((int)(height * factor + 0.5), (int)(width * factor + 0.5));
    }

    internal static void Fit(Sample sample, Scale scale)
    {
        var (height, width) = FittedSize(sample.Image.Height, sample.Image.Width, scale);
        To(sample, Math.Max(1, height), Math.Max(1, width));
    }

    private static void To(Sample sample, int height, int width)
    {
        ImageU8 image = sample.Image;
        float scaleX = (float)((double)width / image.Width), scaleY = (float)((double)height / image.Height);
        if (height != image.Height || width != image.Width)
        {
            sample.Spare.Reshape(height, width);
            Interpolation.Bilinear(image, sample.Spare);
            sample.Take();
        }
        sample.Masks?.Resize(height, width);
        (sample.ScaleX, sample.ScaleY) = (scaleX, scaleY);
        List<float> boxes = sample.Boxes;
        for (int i = 0; i < boxes.Count; i++)
            boxes[i] = Math.Clamp(boxes[i] * (i % 2 == 0 ? scaleX : scaleY), 0, i % 2 == 0 ? width : height);
    }
}

/// <summary>Resizes by a random ratio of a base scale (large-scale jitter), keeping the image's ratio. One draw.</summary>
/// <param name="scale">at ratio 1</param>
/// <param name="low">smallest ratio</param>
/// <param name="high">largest ratio, excluded</param>
public sealed class RandomResize(Scale scale, double low, double high) : Transform
{
    /// <inheritdoc/>
    public override bool Apply(Sample sample, Draws draws)
    {
        double ratio = draws.Unit() * (high - low) + low;
        Resize.Fit(sample, new Scale((int)(scale.Width * ratio), (int)(scale.Height * ratio)));
        return true;
    }
}
