using SkiaSharp;

namespace CoDetr.Data;

/// <summary>
/// Reads JPEG, PNG and BMP files, told apart by content: any color type, depth and interlacing, EXIF orientation applied, alpha and color
/// profiles ignored. A file that is not whole is refused, and the size is checked before anything is allocated.
/// </summary>
public static class ImageReader
{
    /// <summary>Largest number of pixels that is decoded: about 13,000 × 10,000.</summary>
    public const long MaxPixels = 1L << 27;

    private const long MaxFileBytes = 1L << 29;

    /// <summary>Reads an image file.</summary>
    /// <exception cref="DataException">names the file and what is wrong with it</exception>
    public static ImageU8 Read(string path)
    {
        var image = new ImageU8(1, 1);
        Read(path, image);
        return image;
    }

    /// <summary>Reads an image file into memory used before.</summary>
    /// <exception cref="DataException">names the file and what is wrong with it</exception>
    public static void Read(string path, ImageU8 target)
    {
        using SKCodec codec = Open(path);
        SKImageInfo info = codec.Info;
        // No color space: the numbers of the file, not a screen's. Unpremultiplied: alpha has no say.
        using var bitmap = new SKBitmap();
        if (!bitmap.TryAllocPixels(new SKImageInfo(info.Width, info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul, colorspace: null)))
            throw new DataException($"{path}: not enough memory for {info.Width} x {info.Height} pixels.");
        SKCodecResult result = codec.GetPixels(bitmap.Info, bitmap.GetPixels());
        if (result != SKCodecResult.Success)
            throw new DataException($"{path}: {Describe(result)}.");
        Orientation.Copy(bitmap.GetPixelSpan(), info.Height, info.Width, bitmap.RowBytes, (int)codec.EncodedOrigin, target);
    }

    /// <summary>The size of an image after its orientation is applied, from the header alone.</summary>
    /// <exception cref="DataException">names the file and what is wrong with it</exception>
    public static (int Height, int Width) ReadSize(string path)
    {
        using SKCodec codec = Open(path);
        SKImageInfo info = codec.Info;
        return Orientation.Swaps((int)codec.EncodedOrigin) ? (info.Width, info.Height) : (info.Height, info.Width);
    }

    internal static void CheckSize(long height, long width, string path)
    {
        if (height <= 0 || width <= 0)
            throw new DataException($"{path}: the image's header claims {width} x {height} pixels.");
        if (height > MaxPixels / width)
            throw new DataException($"{path}: {width} x {height} pixels are more than the {MaxPixels >> 20} million that are read; scale the image down.");
    }

    private static SKCodec Open(string path)
    {
        using SKData bytes = ReadBytes(path);
        ImageFormat.Check(bytes.Span, path);
        var stream = new SKMemoryStream(bytes); // the codec becomes its owner
        SKCodec codec = SKCodec.Create(stream, out SKCodecResult result)
            ?? throw new DataException($"{path}: {Describe(result)}.");
        try
        {
            CheckSize(codec.Info.Height, codec.Info.Width, path);
            return codec;
        }
        catch
        {
            codec.Dispose();
            throw;
        }
    }

    /// <summary>The file in memory that the garbage collector does not see.</summary>
    private static SKData ReadBytes(string path)
    {
        using FileStream stream = DataFiles.OpenRead(path, "image file");
        if (stream.Length > MaxFileBytes)
            throw new DataException($"{path}: an image file of {stream.Length >> 20} MiB is not read; the most is {MaxFileBytes >> 20} MiB.");
        if (stream.Length == 0)
            throw new DataException($"{path}: the image file is empty (0 bytes).");
        return SKData.Create(stream, stream.Length) ?? throw new DataException($"{path}: this image file cannot be read to its end.");
    }

    private static string Describe(SKCodecResult result) => result switch
    {
        SKCodecResult.IncompleteInput => "the image file is cut short",
        SKCodecResult.ErrorInInput or SKCodecResult.InvalidInput => "the image file is damaged",
        SKCodecResult.Unimplemented => "the image file is damaged or of a kind that is not read",
        _ => $"the image cannot be decoded ({result})",
    };
}
