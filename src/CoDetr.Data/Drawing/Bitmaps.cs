using SkiaSharp;

namespace CoDetr.Data;

/// <summary>Between our images and Skia's.</summary>
internal static class Bitmaps
{
    internal static SKBitmap New(int height, int width) => new(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));

    /// <summary>Every pixel becomes a square of <paramref name="scale"/> pixels.</summary>
    internal static SKBitmap From(ImageU8 image, int scale = 1)
    {
        SKBitmap bitmap = New(image.Height * scale, image.Width * scale);
        Span<byte> pixels = bitmap.GetPixelSpan();
        for (int y = 0; y < bitmap.Height; y++)
        {
            ReadOnlySpan<byte> row = image.Row(y / scale);
            Span<byte> to = pixels.Slice(y * bitmap.RowBytes, 4 * bitmap.Width);
            for (int x = 0; x < bitmap.Width; x++)
            {
                row.Slice(x / scale * 3, 3).CopyTo(to[(4 * x)..]);
                to[4 * x + 3] = 255;
            }
        }
        return bitmap;
    }

    internal static ImageU8 ToImage(SKBitmap bitmap)
    {
        var image = new ImageU8(bitmap.Height, bitmap.Width);
        Orientation.Copy(bitmap.GetPixelSpan(), bitmap.Height, bitmap.Width, bitmap.RowBytes, orientation: 1, image);
        return image;
    }
}
