namespace CoDetr.Data;

/// <summary>Bytes to numbers: (value − mean) / deviation for each channel, red green blue.</summary>
public sealed class Normalization
{
    private readonly float[] _table = new float[256 * ImageU8.Channels]; // [value, channel]

    /// <summary>From the statistics of red, green and blue, in grey levels.</summary>
    public Normalization(ReadOnlySpan<double> mean, ReadOnlySpan<double> deviation)
    {
        for (int i = 0; i < _table.Length; i++)
        {
            int value = i / ImageU8.Channels, channel = i % ImageU8.Channels;
            _table[i] = (value - (float)mean[channel]) / (float)deviation[channel]; // as the reference, to the last bit
        }
    }

    /// <summary>The statistics of ImageNet, which every published backbone uses.</summary>
    public static Normalization ImageNet { get; } = new([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]);

    /// <summary>Writes a normalized image into the top left corner of a larger one; the rest becomes zero.</summary>
    /// <param name="image">bytes</param>
    /// <param name="target"><c>f32[height, width, 3]</c></param>
    /// <param name="height">of the target, at least the image's</param>
    /// <param name="width">of the target, at least the image's</param>
    public void Apply(ImageU8 image, Span<float> target, int height, int width)
    {
        int rowLength = width * ImageU8.Channels;
        for (int y = 0; y < image.Height; y++)
        {
            ReadOnlySpan<byte> row = image.Row(y);
            Span<float> to = target.Slice(y * rowLength, rowLength);
            for (int i = 0; i + 2 < row.Length; i += ImageU8.Channels)
            {
                to[i] = _table[row[i] * 3];
                to[i + 1] = _table[row[i + 1] * 3 + 1];
                to[i + 2] = _table[row[i + 2] * 3 + 2];
            }
            to[row.Length..].Clear();
        }
        target[(image.Height * rowLength)..(height * rowLength)].Clear();
    }
}
