namespace CoDetr.Data;

/// <summary>
/// Cuts out a random window whose edges lie between <paramref name="low"/> and <paramref name="high"/> pixels (at most the image's own).
/// Boxes are clipped to it, and objects left out when nothing of their boxes remains; a window without boxes is fine.
/// Four draws: height, width, then offset down, offset right.
/// </summary>
public sealed class RandomCrop(int low, int high) : Transform
{
    /// <inheritdoc/>
    public override bool Apply(Sample sample, Draws draws)
    {
        var (imageHeight, imageWidth) = (sample.Image.Height, sample.Image.Width);
        int height = draws.Between(Math.Min(imageHeight, low), Math.Min(imageHeight, high));
        int width = draws.Between(Math.Min(imageWidth, low), Math.Min(imageWidth, high));
        int top = draws.Between(0, imageHeight - height), left = draws.Between(0, imageWidth - width);

        sample.Spare.Reshape(height, width);
        for (int y = 0; y < height; y++)
            sample.Image.Row(top + y).Slice(left * ImageU8.Channels, width * ImageU8.Channels).CopyTo(sample.Spare.Row(y));
        sample.Take();
        sample.Masks?.Crop(top, left, height, width);

        List<float> boxes = sample.Boxes;
        for (int i = 0; i < boxes.Count; i++)
            boxes[i] = i % 2 == 0 ? Math.Clamp(boxes[i] - left, 0, width) : Math.Clamp(boxes[i] - top, 0, height);
        sample.KeepBoxes((x1, y1, x2, y2) => x2 > x1 && y2 > y1);
        return true;
    }
}
