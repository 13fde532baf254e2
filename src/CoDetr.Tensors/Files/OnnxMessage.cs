using System.Buffers.Binary;
using System.Text;

namespace CoDetr.Tensors;

/// <summary>
/// One message in protobuf's wire format: fields are appended in any order. Nested messages and raw data are taken over by reference,
/// so that a model is never copied before it is written.
/// </summary>
internal sealed class OnnxMessage
{
    private const int Varint = 0, Fixed32 = 5, LengthPrefixed = 2; // wire types

    private readonly List<ReadOnlyMemory<byte>> parts = [];

    internal long Length { get; private set; }

    internal OnnxMessage Integer(int field, long value) => Append(Join(Key(field, Varint), Encode((ulong)value)));

    internal OnnxMessage Float(int field, float value)
    {
        byte[] bytes = new byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        return Append(Join(Key(field, Fixed32), bytes));
    }

    internal OnnxMessage Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    internal OnnxMessage Bytes(int field, ReadOnlyMemory<byte> value) => Append(Join(Key(field, LengthPrefixed), Encode((ulong)value.Length))).Append(value);

    internal OnnxMessage Message(int field, OnnxMessage value)
    {
        Append(Join(Key(field, LengthPrefixed), Encode((ulong)value.Length)));
        foreach (ReadOnlyMemory<byte> part in value.parts)
        {
            Append(part);
        }

        return this;
    }

    internal void WriteTo(Stream stream)
    {
        if (Length > int.MaxValue)
        {
            throw new InvalidOperationException($"An ONNX file holds at most 2 GiB; this model takes {Length:N0} bytes.");
        }

        foreach (ReadOnlyMemory<byte> part in parts)
        {
            stream.Write(part.Span);
        }
    }

    private static byte[] Key(int field, int wireType) => Encode((ulong)(field << 3 | wireType));

    /// <summary>Seven bits a byte, lowest first; the top bit says that more follow.</summary>
    private static byte[] Encode(ulong value)
    {
        List<byte> bytes = [];
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
        return [.. bytes];
    }

    private static byte[] Join(byte[] first, byte[] second) => [.. first, .. second];

    private OnnxMessage Append(ReadOnlyMemory<byte> part)
    {
        parts.Add(part);
        Length += part.Length;
        return this;
    }
}
