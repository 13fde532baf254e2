using System.Buffers;
using System.Collections;
using System.IO.Compression;
using System.Text;
using CoDetr.Tensors;

namespace CoDetr.Tests.Files;

/// <summary>What <see cref="TorchWriter"/> writes as the call of a name: <c>module.name(*arguments)</c>.</summary>
internal sealed record Called(string Module, string Name, params object?[] Arguments);

/// <summary>What it writes as a tensor over a storage of its own, whose bytes are 0, 1, … 255 and again.</summary>
internal sealed record ViewOf(string Type, int Size, long Offset, long[] Sizes, long[] Strides);

/// <summary>What it writes as the bare operations given, for files that no honest writer makes.</summary>
internal sealed record Operations(params byte[] Bytes);

/// <summary>
/// Writes files as <c>torch.save</c> does, in zip or legacy form: dictionaries, lists (<c>List</c>), tuples (arrays), plain values and
/// <see cref="StoredTensor"/>s.
/// </summary>
internal sealed class TorchWriter
{
    private static readonly byte[] Local = [.. "PK\u0003\u0004"u8], Entry = [.. "PK\u0001\u0002"u8], End = [.. "PK\u0005\u0006"u8];

    private readonly ArrayBufferWriter<byte> pickle = new();
    private readonly List<(byte[] Bytes, int Size)> storages = [];

    /// <summary>Writes the form of today.</summary>
    internal static void WriteZip(string path, object? root, byte protocol = 2)
    {
        TorchWriter writer = new();
        writer.Pickle(root, protocol);
        List<(string, byte[])> entries = [("archive/data.pkl", writer.pickle.WrittenSpan.ToArray()), ("archive/byteorder", "little"u8.ToArray())];
        entries.AddRange(writer.storages.Select((storage, i) => ($"archive/data/{i}", storage.Bytes)));
        entries.Add(("archive/version", "3\n"u8.ToArray()));
        File.WriteAllBytes(path, Zip(entries));
    }

    /// <summary>Writes the form of before PyTorch 1.6.</summary>
    internal static void WriteLegacy(string path, object? root)
    {
        TorchWriter writer = new();
        writer.Bytes(0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.'); // the magic number
        writer.Pickle(1001, 2);
        writer.Pickle(new Dictionary<string, object?> { ["protocol_version"] = 1001, ["little_endian"] = true }, 2);
        writer.Pickle(root, 2);
        writer.Pickle(Enumerable.Range(0, writer.storages.Count).Select(i => (object?)$"{i}").ToList(), 2);
        foreach ((byte[] bytes, int size) in writer.storages)
        {
            writer.Bytes([.. BitConverter.GetBytes(bytes.Length / (long)size), .. bytes]);
        }

        File.WriteAllBytes(path, writer.pickle.WrittenSpan.ToArray());
    }

    /// <summary>The operations that make a value, for files that no honest writer makes.</summary>
    internal static byte[] Pickled(object? value)
    {
        TorchWriter writer = new();
        writer.Write(value);
        return writer.pickle.WrittenSpan.ToArray();
    }

    /// <summary>An archive of stored entries, aligned as PyTorch aligns them.</summary>
    /// <param name="entries">Names and contents.</param>
    /// <param name="isLarge">Whether sizes and places stand where an archive of more than 4 GB has them.</param>
    internal static byte[] Zip(IReadOnlyList<(string Name, byte[] Bytes)> entries, bool isLarge = false)
    {
        using MemoryStream file = new(), list = new();
        using BinaryWriter zip = new(file), directory = new(list);
        foreach ((string name, byte[] bytes) in entries)
        {
            byte[] path = Encoding.UTF8.GetBytes(name);
            (uint crc, uint size, long local) = (Crc32.Continue(0, bytes), (uint)bytes.Length, file.Length);
            short padding = (short)(-(local + 30 + path.Length + 4) & 63);
            zip.Write([.. Local, .. new byte[10]]);
            zip.Write(crc);
            zip.Write(size);
            zip.Write(size);
            zip.Write((short)path.Length);
            zip.Write((short)(padding + 4));
            zip.Write([.. path, .. "FB"u8, (byte)padding, 0, .. new byte[padding], .. bytes]);
            directory.Write([.. Entry, .. new byte[12]]);
            directory.Write(crc);
            directory.Write(isLarge ? uint.MaxValue : size);
            directory.Write(isLarge ? uint.MaxValue : size);
            directory.Write((short)path.Length);
            directory.Write((short)(isLarge ? 28 : 0));
            directory.Write(new byte[10]);
            directory.Write(isLarge ? uint.MaxValue : (uint)local);
            directory.Write(path);
            if (isLarge)
            {
                directory.Write([1, 0, 24, 0]);
                directory.Write((long)size);
                directory.Write((long)size);
                directory.Write(local);
            }
        }

        uint begin = (uint)file.Length;
        zip.Write(list.ToArray());
        zip.Write([.. End, 0, 0, 0, 0]);
        zip.Write((short)entries.Count);
        zip.Write((short)entries.Count);
        zip.Write((uint)list.Length);
        zip.Write(begin);
        zip.Write((short)0);
        return file.ToArray();
    }

    /// <summary>The entries of an archive, read by the class library.</summary>
    internal static List<(string Name, byte[] Bytes)> Entries(byte[] zip)
    {
        using ZipArchive archive = new(new MemoryStream(zip));
        return [.. archive.Entries.Select(entry =>
        {
            using Stream stream = entry.Open();
            using MemoryStream copy = new();
            stream.CopyTo(copy);
            return (entry.FullName, copy.ToArray());
        })];
    }

    private void Pickle(object? value, byte protocol)
    {
        Bytes(0x80, protocol);
        Write(value);
        Bytes((byte)'.');
    }

    private void Write(object? value)
    {
        switch (value)
        {
            case null:
                Bytes((byte)'N');
                break;
            case bool flag:
                Bytes(flag ? (byte)0x88 : (byte)0x89);
                break;
            case int or long:
                Bytes([0x8A, 8, .. BitConverter.GetBytes(Convert.ToInt64(value))]);
                break;
            case double number:
                Bytes([(byte)'G', .. BitConverter.GetBytes(number).Reverse()]);
                break;
            case string text:
                byte[] letters = Encoding.UTF8.GetBytes(text);
                Bytes([(byte)'X', .. BitConverter.GetBytes(letters.Length), .. letters]);
                break;
            case Operations operations:
                Bytes(operations.Bytes);
                break;
            case StoredTensor tensor:
                WriteTensor(tensor);
                break;
            case ViewOf view:
                WriteTensor(view.Type, view.Size, [.. Enumerable.Range(0, 512).Select(i => (byte)i)], view.Offset, view.Sizes, view.Strides);
                break;
            case Called call:
                Bytes([(byte)'c', .. Encoding.UTF8.GetBytes($"{call.Module}\n{call.Name}\n")]);
                Write(call.Arguments);
                Bytes((byte)'R');
                break;
            case IDictionary map:
                Bytes((byte)'}', (byte)'(');
                foreach (DictionaryEntry entry in map)
                {
                    Write(entry.Key);
                    Write(entry.Value);
                }

                Bytes((byte)'u');
                break;
            case object?[] tuple:
                WriteAll((byte)'(', tuple, (byte)'t');
                break;
            case IEnumerable list:
                Bytes((byte)']');
                WriteAll((byte)'(', list, (byte)'e');
                break;
            default:
                throw new ArgumentException($"{value.GetType()} is not written.");
        }
    }

    private void WriteTensor(StoredTensor tensor)
    {
        (Shape shape, int size) = (tensor.Shape, tensor.DType.Size);
        string type = TorchElement.All.First(element => element.DType == tensor.DType && element.Size == size).Name;
        long[] strides = [.. Enumerable.Range(0, shape.Length).Select(i => shape.CountOf(i + 1, shape.Length))];
        WriteTensor(type, size, tensor.Bytes.ToArray(), 0, [.. shape.Select(dimension => (long)dimension)], strides);
    }

    private void WriteTensor(string type, int size, byte[] storage, long offset, long[] sizes, long[] strides)
    {
        Bytes([(byte)'c', .. "torch._utils\n_rebuild_tensor_v2\n"u8, (byte)'(', (byte)'(']);
        Write("storage");
        Bytes([(byte)'c', .. Encoding.UTF8.GetBytes($"torch\n{type}\n")]);
        Write($"{storages.Count}");
        Write("cpu");
        Write(storage.Length / size);
        Bytes((byte)'t', (byte)'Q');
        Write(offset);
        Write(sizes.Cast<object?>().ToArray());
        Write(strides.Cast<object?>().ToArray());
        Write(false);
        Write(new Called("collections", "OrderedDict"));
        Bytes((byte)'t', (byte)'R');
        storages.Add((storage, size));
    }

    private void WriteAll(byte before, IEnumerable values, byte after)
    {
        Bytes(before);
        foreach (object? value in values)
        {
            Write(value);
        }

        Bytes(after);
    }

    private void Bytes(params ReadOnlySpan<byte> bytes) => pickle.Write(bytes);
}
