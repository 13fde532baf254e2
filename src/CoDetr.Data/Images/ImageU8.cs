namespace CoDetr.Data;

/// <summary>An image of bytes, red green blue, row-major <c>u8[height, width, 3]</c>. Its memory can be used again for another size.</summary>
public sealed class ImageU8
{
    /// <summary>Bytes a pixel.</summary>
    public const int Channels = 3;

    private byte[] _data;

    /// <summary>A black image.</summary>
    public ImageU8(int height, int width)
    {
        _data = [];
        Reshape(height, width);
    }

    /// <summary>Pixels.</summary>
    public int Height { get; private set; }

    /// <summary>Pixels.</summary>
    public int Width { get; private set; }

    /// <summary>The bytes <c>[height, width, 3]</c>.</summary>
    public Span<byte> Pixels => _data.AsSpan(0, Height * Width * Channels);

    /// <summary>One row, <c>[width, 3]</c>.</summary>
    public Span<byte> Row(int y) => _data.AsSpan(y * Width * Channels, Width * Channels);

    /// <summary>Takes another size; the content is undefined afterwards. Allocates only when the image never was as large.</summary>
    public void Reshape(int height, int width)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        int length = checked(height * width * Channels);
        if (_data.Length < length)
            _data = new byte[length];
        (Height, Width) = (height, width);
    }

    /// <summary>Becomes a copy of another image.</summary>
    public void CopyFrom(ImageU8 other)
    {
        Reshape(other.Height, other.Width);
        other.Pixels.CopyTo(Pixels);
    }
}
