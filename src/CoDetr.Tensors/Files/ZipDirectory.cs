using System.Buffers.Binary;
using System.Text;

namespace CoDetr.Tensors;

/// <summary>An entry of a zip archive that lies there as it is.</summary>
/// <param name="Name">Its path.</param>
/// <param name="Begin">Where its bytes begin in the file.</param>
/// <param name="Length">How many they are.</param>
/// <param name="Checksum">Their <see cref="Crc32"/>.</param>
internal sealed record ZipEntry(string Name, long Begin, long Length, uint Checksum);

/// <summary>
/// The directory of a zip archive whose entries are stored, not compressed. Every size and place is compared with the file's length; entries may not overlap.
/// Source: PKWARE's APPNOTE, sections 4.3 and 4.5.
/// </summary>
internal static class ZipDirectory
{
    private const uint LocalSignature = 0x04034B50, EntrySignature = 0x02014B50, EndSignature = 0x06054B50;
    private const uint End64Signature = 0x06064B50, Locator64Signature = 0x07064B50;
    private const int LocalBytes = 30, EntryBytes = 46, EndBytes = 22, End64Bytes = 56, Locator64Bytes = 20;
    private const int MaxComment = ushort.MaxValue;
    private const int MaxBytes = 16 << 20; // of the directory: a hundred times that of the largest published models
    private const ushort Extra64 = 1; // the extra field with sizes that 32 bits do not hold

    /// <summary>Reads the directory.</summary>
    /// <exception cref="InvalidDataException">What does not hold.</exception>
    internal static Dictionary<string, ZipEntry> Read(FileBytes file)
    {
        (long begin, long size, long count) = FindDirectory(file);
        byte[] directory = file.Read(begin, size);
        Dictionary<string, ZipEntry> entries = new(StringComparer.Ordinal);
        int at = 0;
        for (long i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> record = Record(directory.AsSpan(at), EntryBytes, EntrySignature);
            int length = EntryBytes + U16(record, 28) + U16(record, 30) + U16(record, 32);
            ZipEntry entry = length <= directory.Length - at ? ReadEntry(file, directory.AsSpan(at, length), begin) : throw Damaged();
            if (!entries.TryAdd(entry.Name, entry))
            {
                throw new InvalidDataException($"its archive has two entries '{TorchNames.Printable(entry.Name)}'");
            }

            at += length;
        }

        if (at != directory.Length)
        {
            throw Damaged();
        }

        CheckOverlap(entries.Values);
        return entries;
    }

    private static (long Begin, long Size, long Count) FindDirectory(FileBytes file)
    {
        int tailLength = (int)Math.Min(file.Length, EndBytes + MaxComment);
        byte[] tail = file.Read(file.Length - tailLength, tailLength);
        int at = tail.Length - EndBytes;
        while (at >= 0 && !(U32(tail, at) == EndSignature && U16(tail, at + 20) == tail.Length - at - EndBytes))
        {
            at--;
        }

        if (at < 0)
        {
            throw new InvalidDataException("it is truncated: its archive has no directory at its end");
        }

        long end = file.Length - tailLength + at, count = U16(tail, at + 10), size = U32(tail, at + 12), begin = U32(tail, at + 16);
        if (end >= Locator64Bytes && ReadSome(file, end - Locator64Bytes, Locator64Bytes) is byte[] locator && U32(locator, 0) == Locator64Signature)
        {
            end = I64(locator, 8);
            ReadOnlySpan<byte> record = Record(ReadSome(file, end, End64Bytes), End64Bytes, End64Signature);
            (count, size, begin) = (I64(record, 32), I64(record, 40), I64(record, 48));
        }

        bool fits = begin >= 0 && size is >= 0 and <= MaxBytes && begin == end - size && count >= 0 && count <= size / EntryBytes;
        return fits ? (begin, size, count) : throw Damaged();
    }

    private static ZipEntry ReadEntry(FileBytes file, ReadOnlySpan<byte> record, long directoryBegin)
    {
        int nameLength = U16(record, 28);
        ReadOnlySpan<byte> nameBytes = record.Slice(EntryBytes, nameLength);
        string name = Encoding.UTF8.GetString(nameBytes);
        long packed = U32(record, 20), size = U32(record, 24), local = U32(record, 42);
        ReadExtra(record.Slice(EntryBytes + nameLength, U16(record, 30)), ref size, ref packed, ref local);
        if (U16(record, 10) != 0 || (U16(record, 8) & 1) != 0 || packed != size)
        {
            throw new InvalidDataException($"its entry '{TorchNames.Printable(name)}' is compressed or encrypted, which torch.save never does");
        }

        ReadOnlySpan<byte> header = Record(ReadSome(file, local, LocalBytes + nameLength), LocalBytes + nameLength, LocalSignature);
        long begin = local + LocalBytes + nameLength + U16(header, 28);
        bool isSame = U16(header, 26) == nameLength && header[LocalBytes..].SequenceEqual(nameBytes);
        return isSame && size >= 0 && begin <= directoryBegin && size <= directoryBegin - begin
            ? new ZipEntry(name, begin, size, U32(record, 16))
            : throw new InvalidDataException($"its entry '{TorchNames.Printable(name)}' does not lie where its archive's directory says");
    }

    /// <summary>Sizes and place that do not fit into 32 bits, in this order, only those.</summary>
    private static void ReadExtra(ReadOnlySpan<byte> extra, ref long size, ref long packed, ref long local)
    {
        while (extra.Length >= 4)
        {
            (int id, int length) = (U16(extra, 0), U16(extra, 2));
            ReadOnlySpan<byte> field = length <= extra.Length - 4 ? extra.Slice(4, length) : throw Damaged();
            extra = extra[(4 + length)..];
            if (id == Extra64)
            {
                Replace(ref size, ref field);
                Replace(ref packed, ref field);
                Replace(ref local, ref field);
            }
        }
    }

    private static void Replace(ref long value, ref ReadOnlySpan<byte> field)
    {
        if (value == uint.MaxValue)
        {
            value = field.Length >= 8 ? I64(field, 0) : throw Damaged();
            field = field[8..];
        }
    }

    private static void CheckOverlap(IEnumerable<ZipEntry> entries)
    {
        long end = 0;
        foreach (ZipEntry entry in entries.OrderBy(entry => entry.Begin).ThenBy(entry => entry.Length))
        {
            if (entry.Begin < end)
            {
                throw new InvalidDataException($"its entry '{TorchNames.Printable(entry.Name)}' overlaps another one");
            }

            end = entry.Begin + entry.Length;
        }
    }

    private static byte[]? ReadSome(FileBytes file, long at, int count) => at >= 0 && at <= file.Length - count ? file.Read(at, count) : null;

    private static ReadOnlySpan<byte> Record(ReadOnlySpan<byte> bytes, int length, uint signature) =>
        bytes.Length >= length && U32(bytes, 0) == signature ? bytes : throw Damaged();

    private static int U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static long I64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);

    private static InvalidDataException Damaged() => new("the directory of its archive is damaged");
}
