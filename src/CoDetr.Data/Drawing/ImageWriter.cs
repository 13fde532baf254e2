using SkiaSharp;

namespace CoDetr.Data;

/// <summary>Writes images as files, whole or not at all.</summary>
public static class ImageWriter
{
    private const int JpegQuality = 92;

    /// <summary>Writes a JPEG file when the name ends in .jpg or .jpeg, else a PNG file.</summary>
    /// <exception cref="DataException">the file cannot be written</exception>
    public static void Write(string path, ImageU8 image)
    {
        bool isJpeg = Path.GetExtension(path).ToLowerInvariant() is ".jpg" or ".jpeg";
        using SKBitmap bitmap = Bitmaps.From(image);
        using SKData data = bitmap.Encode(isJpeg ? SKEncodedImageFormat.Jpeg : SKEncodedImageFormat.Png, JpegQuality)
            ?? throw new DataException($"{path}: an image of {image.Width} x {image.Height} pixels cannot be encoded.");
        WholeFile.Write(path, data.SaveTo);
    }
}
