namespace CoDetr.Data;

/// <summary>What a file's first bytes say it is. The name of the file does not matter.</summary>
internal static class ImageFormat
{
    /// <summary>Throws unless the bytes begin as a JPEG, PNG or BMP file.</summary>
    internal static void Check(ReadOnlySpan<byte> bytes, string path)
    {
        if (bytes.StartsWith(JpegStructure.Signature))
            JpegStructure.Check(bytes, path);
        else if (bytes.StartsWith(PngStructure.Signature))
            PngStructure.Check(bytes, path);
        else if (!bytes.StartsWith("BM"u8))
            throw new DataException($"{path}: {Name(bytes)}; JPEG, PNG and BMP are read.");
    }

    private static string Name(ReadOnlySpan<byte> bytes) => bytes switch
    {
        _ when bytes.StartsWith("GIF8"u8) => "is a GIF image",
        _ when bytes.StartsWith("RIFF"u8) && bytes.Length > 12 && bytes[8..].StartsWith("WEBP"u8) => "is a WebP image",
        _ when bytes.StartsWith("II*\0"u8) || bytes.StartsWith("MM\0*"u8) => "is a TIFF image",
        _ when bytes.Length > 12 && bytes[4..].StartsWith("ftyp"u8) => "is a HEIF or AVIF image",
        _ => "is no image of a known format",
    };
}

/// <summary>Looks for the size that a JPEG file claims, so that nothing is allocated for a lie.</summary>
internal static class JpegStructure
{
    internal static ReadOnlySpan<byte> Signature => [0xFF, 0xD8, 0xFF];

    /// <summary>Checks the size in the frame header; other damage is left to the decoder.</summary>
    internal static void Check(ReadOnlySpan<byte> bytes, string path)
    {
        const int StartOfScan = 0xDA;
        for (int at = 2; at + 9 < bytes.Length;)
        {
            int marker = bytes[at + 1];
            if (bytes[at] != 0xFF || marker == StartOfScan)
                return;
            if (marker == 0xFF) // fill byte
            {
                at++;
                continue;
            }
            bool isFrame = marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC); // the others are tables
            if (isFrame)
            {
                ImageReader.CheckSize((bytes[at + 5] << 8) | bytes[at + 6], (bytes[at + 7] << 8) | bytes[at + 8], path);
                return;
            }
            at += 2 + ((bytes[at + 2] << 8) | bytes[at + 3]);
        }
    }
}
