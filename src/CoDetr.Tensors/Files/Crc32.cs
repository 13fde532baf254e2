using System.Buffers;
using System.Buffers.Binary;

namespace CoDetr.Tensors;

/// <summary>The checksum of zip archives (polynomial 0xEDB88320), eight bytes at a time.</summary>
internal static class Crc32
{
    private const int Chunk = 1 << 16;
    private static readonly uint[][] Tables = MakeTables();

    /// <summary>The checksum of a run of a file's bytes.</summary>
    internal static uint Of(FileBytes file, long at, long count)
    {
        uint crc = 0;
        byte[] chunk = ArrayPool<byte>.Shared.Rent(Chunk);
        for (long done = 0; done < count; done += Chunk)
        {
            Span<byte> bytes = chunk.AsSpan(0, (int)Math.Min(Chunk, count - done));
            file.Read(at + done, bytes);
            crc = Continue(crc, bytes);
        }

        ArrayPool<byte>.Shared.Return(chunk);
        return crc;
    }

    /// <summary>The checksum after more bytes; it begins with 0.</summary>
    internal static uint Continue(uint crc, ReadOnlySpan<byte> bytes)
    {
        crc = ~crc;
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            uint low = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ crc, high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            crc = Tables[7][(byte)low] ^ Tables[6][(byte)(low >> 8)] ^ Tables[5][(byte)(low >> 16)] ^ Tables[4][low >> 24]
                ^ Tables[3][(byte)high] ^ Tables[2][(byte)(high >> 8)] ^ Tables[1][(byte)(high >> 16)] ^ Tables[0][high >> 24];
        }

        foreach (byte value in bytes)
        {
            crc = Tables[0][(byte)(crc ^ value)] ^ (crc >> 8);
        }

        return ~crc;
    }

    /// <summary>Table <c>k</c> holds what a byte does that <c>k</c> further bytes follow.</summary>
    private static uint[][] MakeTables()
    {
        uint[][] tables = [.. Enumerable.Range(0, 8).Select(_ => new uint[256])];
        for (uint i = 0; i < 256; i++)
        {
            uint value = i;
            for (int bit = 0; bit < 8; bit++)
            {
                value = (value & 1) != 0 ? (value >> 1) ^ 0xEDB88320 : value >> 1;
            }

            tables[0][i] = value;
        }

        for (int k = 1; k < 8; k++)
        {
            for (int i = 0; i < 256; i++)
            {
                tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][(byte)tables[k - 1][i]];
            }
        }

        return tables;
    }
}
