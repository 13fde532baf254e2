namespace CoDetr.Data;

/// <summary>Adds grey at the right and bottom up to a fixed size, before normalization. No draw.</summary>
/// <param name="height">pixels</param>
/// <param name="width">pixels</param>
/// <param name="value">of all three channels</param>
public sealed class Pad(int height, int width, byte value) : Transform
{
    /// <inheritdoc/>
    public override bool Apply(Sample sample, Draws draws)
    {
        ImageU8 image = sample.Image, padded = sample.Spare;
        padded.Reshape(Math.Max(height, image.Height), Math.Max(width, image.Width));
        padded.Pixels.Fill(value);
        for (int y = 0; y < image.Height; y++)
            image.Row(y).CopyTo(padded.Row(y));
        sample.Take(padded: true);
        sample.Masks?.Pad(padded.Height, padded.Width);
        return true;
    }
}
