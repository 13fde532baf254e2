using System.Buffers.Binary;
using System.Text;

namespace CoDetr.Tensors;

/// <summary>Reads the bytes of pickles that lie in a file one after another.</summary>
internal sealed class PickleReader
{
    /// <summary>The longest pickle: those of the largest published models have half a megabyte.</summary>
    internal const int MaxBytes = 16 << 20;

    private const int MaxLine = 256; // a module's or a class's name

    private static readonly UTF8Encoding Utf8 = new(false, throwOnInvalidBytes: true);

    private readonly byte[] buffer = new byte[4096];
    private readonly FileBytes file;
    private readonly long end;
    private long begin;
    private long limit;
    private long next; // where in the file the bytes after the buffer lie
    private int at;
    private int filled;

    /// <summary>Reads from one place of a file up to another.</summary>
    internal PickleReader(FileBytes file, long begin, long end)
    {
        (this.file, this.end, next) = (file, end, begin);
        BeginPickle();
    }

    /// <summary>The place in the file of the byte that is read next.</summary>
    internal long Position => next - filled + at;

    /// <summary>Bytes since the pickle began.</summary>
    internal long Done => Position - begin;

    /// <summary>Another pickle begins here.</summary>
    internal void BeginPickle() => (begin, limit) = (Position, Math.Min(end, Position + MaxBytes));

    internal byte Byte() => Take(1)[0];

    internal ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    internal int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    internal uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    internal ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>A double; the one number of a pickle that is big-endian.</summary>
    internal double Double() => BinaryPrimitives.ReadDoubleBigEndian(Take(8));

    internal byte[] Bytes(ulong count)
    {
        if (count > (ulong)(limit - Position))
        {
            throw Ended();
        }

        byte[] bytes = new byte[count];
        int buffered = Math.Min(bytes.Length, filled - at);
        buffer.AsSpan(at, buffered).CopyTo(bytes);
        at += buffered;
        if (buffered < bytes.Length)
        {
            file.Read(next, bytes.AsSpan(buffered));
            next += bytes.Length - buffered;
            at = filled = 0;
        }

        return bytes;
    }

    internal string Text(ulong count)
    {
        try
        {
            return Utf8.GetString(Bytes(count));
        }
        catch (DecoderFallbackException)
        {
            throw new InvalidDataException("its pickle has text that is not UTF-8");
        }
    }

    /// <summary>Text up to a line feed.</summary>
    internal string Line()
    {
        StringBuilder line = new();
        for (byte c = Byte(); c != '\n'; c = Byte())
        {
            line.Append(line.Length < MaxLine ? (char)c : throw new InvalidDataException("its pickle names something longer than any name"));
        }

        return line.ToString();
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > limit - Position)
        {
            throw Ended();
        }

        if (filled - at < count)
        {
            int left = filled - at, more = (int)Math.Min(buffer.Length - left, end - next);
            buffer.AsSpan(at, left).CopyTo(buffer);
            file.Read(next, buffer.AsSpan(left, more));
            (at, filled, next) = (0, left + more, next + more);
        }

        at += count;
        return buffer.AsSpan(at - count, count);
    }

    private InvalidDataException Ended() =>
        new(limit < end ? $"its pickle is longer than {MaxBytes >> 20} MB" : "it is truncated: it ends within its pickle");
}
