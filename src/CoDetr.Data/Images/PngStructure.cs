using System.Buffers.Binary;

namespace CoDetr.Data;

/// <summary>
/// Looks over a PNG file before anything is decoded: sizes of chunks, checksums, the header's values. The decoder passes over some of these silently.
/// </summary>
internal static class PngStructure
{
    private static readonly uint[] CrcTable = MakeCrcTable();

    internal static ReadOnlySpan<byte> Signature => [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    internal static void Check(ReadOnlySpan<byte> bytes, string path)
    {
        bool first = true, hasData = false;
        for (int at = 8; at < bytes.Length;)
        {
            if (bytes.Length - at < 12)
                throw new DataException($"{path}: the PNG file is cut short at byte {at}.");
            uint length = BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);
            if (length > bytes.Length - at - 12)
                throw new DataException($"{path}: the PNG file is cut short or damaged: a chunk at byte {at} claims {length} bytes.");
            ReadOnlySpan<byte> kind = bytes.Slice(at + 4, 4), data = bytes.Slice(at + 8, (int)length);
            if (first && !kind.SequenceEqual("IHDR"u8))
                throw new DataException($"{path}: the PNG file is damaged: it has no header.");
            bool isCritical = (kind[0] & 0x20) == 0;
            if (isCritical && Crc(bytes.Slice(at + 4, (int)length + 4)) != BinaryPrimitives.ReadUInt32BigEndian(bytes[(at + 8 + (int)length)..]))
                throw new DataException($"{path}: the PNG file is damaged: wrong checksum at byte {at}.");
            if (first)
                CheckHeader(data, path);
            hasData |= kind.SequenceEqual("IDAT"u8) && length > 0;
            first = false;
            if (kind.SequenceEqual("IEND"u8))
                break;
            at += 12 + (int)length;
        }
        if (!hasData)
            throw new DataException($"{path}: the PNG file is cut short: it holds no pixels.");
    }

    private static void CheckHeader(ReadOnlySpan<byte> data, string path)
    {
        if (data.Length < 13)
            throw new DataException($"{path}: the PNG file is damaged: its header has {data.Length} bytes.");
        uint width = BinaryPrimitives.ReadUInt32BigEndian(data), height = BinaryPrimitives.ReadUInt32BigEndian(data[4..]);
        ImageReader.CheckSize(height, width, path);
        var (depth, color) = (data[8], data[9]);
        bool valid = color switch
        {
            0 => depth is 1 or 2 or 4 or 8 or 16,
            3 => depth is 1 or 2 or 4 or 8,
            2 or 4 or 6 => depth is 8 or 16,
            _ => false,
        };
        if (!valid)
            throw new DataException($"{path}: the PNG file is damaged: {depth} bits with color type {color} do not exist.");
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = ~0u;
        foreach (byte b in bytes)
            crc = CrcTable[(byte)(crc ^ b)] ^ (crc >> 8);
        return ~crc;
    }

    private static uint[] MakeCrcTable()
    {
        var table = new uint[256];
        for (uint n = 0; n < 256; n++)
        {
            uint c = n;
            for (int k = 0; k < 8; k++)
                c = (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
            table[n] = c;
        }
        return table;
    }
}
