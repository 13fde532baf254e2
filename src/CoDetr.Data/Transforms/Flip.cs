using System.Runtime.InteropServices;

namespace CoDetr.Data;

/// <summary>Which way an image is mirrored.</summary>
public enum FlipDirection
{
    /// <summary>Left and right change places.</summary>
    Horizontal,

    /// <summary>Top and bottom change places.</summary>
    Vertical,

    /// <summary>Both.</summary>
    Diagonal,
}

/// <summary>Mirrors image, boxes and masks with a given probability. One draw.</summary>
public sealed class RandomFlip(double probability = 0.5, FlipDirection direction = FlipDirection.Horizontal) : Transform
{
    /// <inheritdoc/>
    public override bool Apply(Sample sample, Draws draws)
    {
        if (draws.Unit() < probability)
            Flip(sample, direction);
        return true;
    }

    private static void Flip(Sample sample, FlipDirection direction)
    {
        ImageU8 image = sample.Image, flipped = sample.Spare;
        flipped.Reshape(image.Height, image.Width);
        for (int y = 0; y < image.Height; y++)
        {
            Span<byte> row = flipped.Row(direction == FlipDirection.Horizontal ? y : image.Height - 1 - y);
            image.Row(y).CopyTo(row);
            if (direction != FlipDirection.Vertical)
                MemoryMarshal.Cast<byte, Pixel>(row).Reverse();
        }
        sample.Take();

        bool across = direction != FlipDirection.Vertical, down = direction != FlipDirection.Horizontal;
        sample.Masks?.Flip(across, down);
        for (int i = 0; i < sample.Labels.Count; i++)
        {
            var (x1, y1, x2, y2) = (sample.Boxes[4 * i], sample.Boxes[4 * i + 1], sample.Boxes[4 * i + 2], sample.Boxes[4 * i + 3]);
            if (across)
                (x1, x2) = (image.Width - x2, image.Width - x1);
            if (down)
                (y1, y2) = (image.Height - y2, image.Height - y1);
            sample.SetBox(i, x1, y1, x2, y2);
        }
    }

    private readonly record struct Pixel(byte Red, byte Green, byte Blue);
}
