using System.Buffers.Binary;

namespace CoDetr.Tests.Files;

/// <summary>Files changed at random: what a broken disk, a broken download or somebody with bad intent could make of them.</summary>
internal static class Mutation
{
    /// <summary>Operations with operands that lie: lengths, places and counts beyond everything, names, persistent ids, protocols.</summary>
    private static readonly byte[][] Pieces =
    [
        [.. "cos\nsystem\n"u8], [.. "cbuiltins\neval\n"u8], .. "RbQio(tueas}])02.N"u8.ToArray().Select(op => new[] { op }),
        [0x81], [0x85], [0x87], [0x88], [0x93], [0x94], [0x97], [0x98], [0x80, 9], [(byte)'h', 0], [(byte)'h', 5], [(byte)'q', 3],
        [(byte)'K', 9], [(byte)'K', 0],
        [(byte)'r', 255, 255, 255, 255], [(byte)'j', 255, 255, 255, 127], [(byte)'X', 255, 255, 255, 255], [(byte)'X', 255, 255, 255, 127],
        [0x8D, 255, 255, 255, 255, 255, 255, 255, 255], [0x8E, 0, 0, 0, 0, 1, 0, 0, 0], [0x96, 255, 255, 255, 255, 255, 255, 255, 127],
        [0x8B, 255, 255, 255, 127], [0x8B, 255, 255, 255, 255], [0x8A, 255], [0x95, 255, 255, 255, 255, 255, 255, 255, 255],
        [(byte)'J', 255, 255, 255, 255], [(byte)'J', 255, 255, 255, 127],
        [0x8A, 8, 0, 0, 0, 0, 0, 0, 0, 128], [0x8A, 8, 255, 255, 255, 255, 255, 255, 255, 127],
    ];

    private static readonly ulong[] Extremes =
        [0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, long.MaxValue, 1ul << 63, ulong.MaxValue];

    private static readonly string[] Numbers =
        ["-1", "0", "2147483648", "4294967296", "9223372036854775807", "18446744073709551616", "1e9", "0.5", "null", "[]", "{}", "\"\""];

    /// <summary>One change, or up to four.</summary>
    internal static byte[] Change(byte[] seed, byte[] other, Random random)
    {
        byte[] bytes = [.. seed];
        for (int i = random.Next(2) == 0 ? 1 : random.Next(2, 5); i > 0 && bytes.Length > 0; i--)
        {
            int at = random.Next(bytes.Length);
            switch (random.Next(8))
            {
                case 0 or 1:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    bytes = random.Next(4) == 0 ? bytes[..at] : bytes; // an end is one change that hides all others
                    break;
                case 3:
                    Overwrite(bytes, at, random);
                    break;
                case 4 or 5:
                    byte[] piece = Pieces[random.Next(Pieces.Length)];
                    bytes = [.. bytes[..at], .. piece, .. bytes[(random.Next(2) == 0 ? at : Math.Min(bytes.Length, at + piece.Length))..]];
                    break;
                case 6:
                    int from = random.Next(other.Length);
                    bytes = [.. bytes[..at], .. other[from..Math.Min(other.Length, from + random.Next(1, 80))], .. bytes[at..]];
                    break;
                default:
                    bytes = [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + random.Next(1, 40))..]];
                    break;
            }
        }

        return bytes;
    }

    /// <summary>Changes the pickle of an archive of these entries and makes sizes and checksums right again, so that the change is seen.</summary>
    internal static byte[] ChangeWithin(IReadOnlyList<(string Name, byte[] Bytes)> zip, byte[] other, Random random)
    {
        List<(string Name, byte[] Bytes)> entries = [.. zip];
        int at = random.Next(8) == 0 ? random.Next(entries.Count) : entries.FindIndex(entry => entry.Name.EndsWith(".pkl", StringComparison.Ordinal));
        entries[at] = (entries[at].Name, Change(entries[at].Bytes, other, random));
        return TorchWriter.Zip(entries);
    }

    /// <summary>Puts another value in place of a number of a safetensors header, and makes the header's length right again.</summary>
    internal static byte[] ChangeHeader(byte[] file, Random random)
    {
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file), at = 8 + random.Next(length);
        while (at < 8 + length && !char.IsAsciiDigit((char)file[at]))
        {
            at++;
        }

        int end = at;
        while (end < 8 + length && char.IsAsciiDigit((char)file[end]))
        {
            end++;
        }

        byte[] value = System.Text.Encoding.ASCII.GetBytes(random.Next(3) == 0 ? $"{random.Next(3000)}" : Numbers[random.Next(Numbers.Length)]);
        byte[] changed = [.. file[..at], .. value, .. file[end..]];
        BinaryPrimitives.WriteInt64LittleEndian(changed, length + value.Length - (end - at));
        return changed;
    }

    private static void Overwrite(byte[] bytes, int at, Random random)
    {
        Span<byte> value = stackalloc byte[8];
        ulong number = random.Next(4) == 0 ? (ulong)(bytes.Length + random.Next(-2, 3)) : Extremes[random.Next(Extremes.Length)];
        BinaryPrimitives.WriteUInt64LittleEndian(value, number);
        value[..Math.Min(1 << random.Next(4), bytes.Length - at)].CopyTo(bytes.AsSpan(at));
    }
}
