using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>
/// A file of PyTorch's <c>torch.save</c>: a zip archive with a pickle and a file for each storage, or, before 1.6, five pickles and the storages one after
/// another. The pickle is read by <see cref="PickleMachine"/>, which runs nothing; tensors are read from the file when they are asked for. Whatever does not
/// hold is a <see cref="CheckpointException"/> that names the file. Source: <c>torch/serialization.py</c>.
/// </summary>
public sealed class TorchArchive : IDisposable
{
    private const uint ZipSignature = 0x04034B50;
    private const byte PickleSignature = 0x80;
    private const long LegacyProtocol = 1001;
    private const string PickleName = "/data.pkl";

    private static readonly BigInteger LegacyMagic = BigInteger.Parse("1950a86a20f9469cfc6c", NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private readonly string path;
    private readonly FileBytes file;
    private readonly TorchNames names;

    private TorchArchive(string path)
    {
        this.path = path;
        file = new FileBytes(path);
        names = new TorchNames(file.Length);
    }

    /// <summary>Whether it has the form of before PyTorch 1.6.</summary>
    public bool IsLegacy { get; private set; }

    /// <summary>What was saved: see <see cref="PickleList"/>.</summary>
    public object? Root { get; private set; }

    /// <summary>Opens a file and checks all but its numbers.</summary>
    /// <exception cref="CheckpointException">What is wrong with it.</exception>
    public static TorchArchive Open(string path)
    {
        TorchArchive archive = new(path);
        try
        {
            archive.Checked(archive.ReadDescription);
            return archive;
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    /// <summary>Reads one tensor of <see cref="Root"/> into plain memory, its elements one after another.</summary>
    /// <exception cref="CheckpointException">The file is damaged there.</exception>
    public StoredTensor Read(string name, TorchTensor tensor) => Checked(() =>
    {
        TorchStorage storage = tensor.Storage;
        if (storage.Checksum is uint checksum && checksum != Crc32.Of(file, storage.Begin, storage.Bytes))
        {
            throw new InvalidDataException($"the checksum of '{TorchNames.Printable(name)}' does not fit: it is damaged");
        }

        storage.Checksum = null;
        int size = storage.Element.Size;
        if (tensor.Reach * size > Array.MaxLength || tensor.Shape.Count * tensor.DType.Size > Array.MaxLength)
        {
            throw new InvalidDataException($"'{TorchNames.Printable(name)}' is larger than 2 GB");
        }

        byte[] reach = file.Read(storage.Begin + (tensor.Offset * size), tensor.Reach * size);
        byte[] values = tensor.IsContiguous ? reach : size switch
        {
            1 => tensor.Gather<byte>(reach),
            2 => Gather<ushort>(tensor, reach),
            4 => Gather<uint>(tensor, reach),
            _ => Gather<ulong>(tensor, reach),
        };
        return new StoredTensor(name, tensor.DType, tensor.Shape, Widen(storage.Element, values));
    });

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    private object? ReadDescription()
    {
        Span<byte> signature = stackalloc byte[4];
        signature.Clear();
        file.Read(0, signature[..(int)Math.Min(4, file.Length)]);
        if (MemoryMarshal.Read<uint>(signature) == ZipSignature)
        {
            Root = ReadZip();
        }
        else if (signature[0] == PickleSignature)
        {
            IsLegacy = true;
            Root = ReadLegacy();
        }
        else
        {
            throw new InvalidDataException("it is neither a zip archive nor a pickle");
        }

        return Root;
    }

    private object? ReadZip()
    {
        Dictionary<string, ZipEntry> entries = ZipDirectory.Read(file);
        ZipEntry pickle = FindPickle(entries.Values);
        string folder = pickle.Name[..^PickleName.Length];
        if (entries.TryGetValue($"{folder}/byteorder", out ZipEntry? order)
            && !file.Read(order.Begin, Math.Min(order.Length, 16)).AsSpan().SequenceEqual("little"u8))
        {
            throw new InvalidDataException("its numbers are big-endian");
        }

        if (Crc32.Of(file, pickle.Begin, pickle.Length) != pickle.Checksum)
        {
            throw new InvalidDataException("the checksum of its pickle does not fit: it is damaged");
        }

        PickleReader reader = new(file, pickle.Begin, pickle.Begin + pickle.Length);
        object? root = new PickleMachine(reader, names).Run();
        foreach (TorchStorage storage in names.Storages.Values)
        {
            string name = $"{folder}/data/{storage.Key}";
            if (!entries.TryGetValue(name, out ZipEntry? entry) || entry.Length != storage.Bytes)
            {
                string key = TorchNames.Printable(storage.Key);
                throw new InvalidDataException($"its storage '{key}' of {storage.Bytes} bytes has an entry of {entry?.Length ?? 0}");
            }

            (storage.Begin, storage.Checksum) = (entry.Begin, entry.Checksum);
        }

        return root;
    }

    private static ZipEntry FindPickle(IEnumerable<ZipEntry> entries)
    {
        ZipEntry[] pickles = [.. entries.Where(entry => entry.Name.EndsWith(PickleName, StringComparison.Ordinal) && entry.Name.Count(c => c == '/') == 1)];
        return pickles.Length == 1 ? pickles[0] : throw new InvalidDataException($"its archive has {pickles.Length} entries {PickleName[1..]} instead of one");
    }

    private object? ReadLegacy()
    {
        PickleReader reader = new(file, 0, file.Length);
        PickleMachine machine = new(reader, names);
        if (machine.Run() is not BigInteger magic || magic != LegacyMagic)
        {
            throw new InvalidDataException("it is a pickle, but not one of torch.save");
        }

        if (machine.Run() is not LegacyProtocol || machine.Run() is not PickleMap system || system["little_endian"] is not true)
        {
            throw new InvalidDataException("it has another version, or its numbers are big-endian");
        }

        object? root = machine.Run();
        IReadOnlyList<object?> keys = machine.Run() is PickleList list ? list.Items : throw new InvalidDataException("it lists no storages");
        long at = reader.Position;
        Span<byte> count = stackalloc byte[8];
        foreach (object? key in keys)
        {
            TorchStorage storage = key is string name && names.Storages.TryGetValue(name, out TorchStorage? known) && known.Begin < 0
                ? known
                : throw new InvalidDataException("it lists a storage twice, or one that no tensor uses");
            file.Read(at, count);
            storage.Begin = at + count.Length;
            if (MemoryMarshal.Read<long>(count) != storage.Count || storage.Bytes > file.Length - storage.Begin)
            {
                throw new InvalidDataException($"its storage '{TorchNames.Printable(storage.Key)}' is truncated or of another size than its tensors say");
            }

            at = storage.Begin + storage.Bytes;
        }

        bool isWhole = at == file.Length && names.Storages.Values.All(storage => storage.Begin >= 0);
        return isWhole ? root : throw new InvalidDataException("it lacks storages, or has bytes that belong to none");
    }

    private static byte[] Gather<T>(TorchTensor tensor, byte[] reach)
        where T : unmanaged => MemoryMarshal.AsBytes(tensor.Gather(MemoryMarshal.Cast<byte, T>(reach)).AsSpan()).ToArray();

    /// <summary>Signed integers of one and two bytes become such of four.</summary>
    private static byte[] Widen(TorchElement element, byte[] values)
    {
        if (element.Size == element.DType.Size)
        {
            return values;
        }

        int[] wide = new int[values.Length / element.Size];
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] = element.Size == 1 ? (sbyte)values[i] : MemoryMarshal.Read<short>(values.AsSpan(2 * i));
        }

        return MemoryMarshal.AsBytes(wide.AsSpan()).ToArray();
    }

    private T Checked<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidDataException e)
        {
            throw new CheckpointException($"{path} is not a readable PyTorch file: {e.Message}.", e);
        }
    }
}
