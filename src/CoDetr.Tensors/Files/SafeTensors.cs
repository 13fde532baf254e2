using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;

namespace CoDetr.Tensors;

/// <summary>
/// A safetensors file: eight bytes of header length, a JSON header, then the arrays, which tile the rest of the file without holes or overlap.
/// Nothing in the header is trusted: whatever does not hold is a <see cref="CheckpointException"/> that names the file.
/// Source: the format description at https://github.com/huggingface/safetensors.
/// </summary>
public sealed class SafeTensors : IDisposable
{
    private const long MaxHeaderBytes = 100_000_000; // the limit of the reference implementation
    private const string MetadataKey = "__metadata__";

    private readonly string path;
    private readonly FileStream file;
    private readonly Dictionary<string, Entry> entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> metadata = new(StringComparer.Ordinal);
    private long dataBegin;

    private SafeTensors(string path)
    {
        this.path = path;
        file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
    }

    /// <summary>The names of the arrays, in the order of the header.</summary>
    public IReadOnlyCollection<string> Names => entries.Keys;

    /// <summary>The header's free text entries.</summary>
    public IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <summary>Opens a file and checks its whole header. The arrays are read on request.</summary>
    public static SafeTensors Open(string path)
    {
        SafeTensors opened = new(path);
        try
        {
            opened.ReadHeader();
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Writes a file whole or not at all: whoever is killed in between leaves the old one.</summary>
    public static void Write(string path, IReadOnlyList<StoredTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        WholeFile.Write(path, stream =>
        {
            byte[] header = Header(tensors, metadata);
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (StoredTensor tensor in tensors)
            {
                stream.Write(tensor.Bytes.Span);
            }
        });

    /// <summary>Whether the file has an array of that name.</summary>
    public bool Contains(string name) => entries.ContainsKey(name);

    /// <summary>The element type of an array.</summary>
    public DType DTypeOf(string name) => Find(name).DType;

    /// <summary>The shape of an array.</summary>
    public Shape ShapeOf(string name) => Find(name).Shape;

    /// <summary>Reads one array.</summary>
    public StoredTensor Read(string name)
    {
        Entry entry = Find(name);
        byte[] bytes = new byte[entry.End - entry.Begin];
        for (int done = 0; done < bytes.Length;)
        {
            int count = RandomAccess.Read(file.SafeFileHandle, bytes.AsSpan(done), dataBegin + entry.Begin + done);
            done += count > 0 ? count : throw Broken($"it ends within '{name}'");
        }

        return new StoredTensor(name, entry.DType, entry.Shape, bytes);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    private static byte[] Header(IReadOnlyList<StoredTensor> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            if (metadata is not null)
            {
                json.WriteStartObject(MetadataKey);
                foreach ((string key, string value) in metadata)
                {
                    json.WriteString(key, value);
                }

                json.WriteEndObject();
            }

            long begin = 0;
            HashSet<string> names = new([MetadataKey], StringComparer.Ordinal);
            foreach (StoredTensor tensor in tensors)
            {
                Check.That(names.Add(tensor.Name), $"two arrays are called '{tensor.Name}'.");
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.DType.ToString());
                WriteNumbers(json, "shape", tensor.Shape.Select(size => (long)size));
                WriteNumbers(json, "data_offsets", [begin, begin += tensor.Bytes.Length]);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        byte[] header = new byte[(buffer.WrittenCount + 7) & ~7]; // padded, so that the arrays lie on multiples of eight
        header.AsSpan().Fill((byte)' ');
        buffer.WrittenSpan.CopyTo(header);
        return header;
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IEnumerable<long> values)
    {
        json.WriteStartArray(name);
        foreach (long value in values)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }

    private void ReadHeader()
    {
        Span<byte> prefix = stackalloc byte[8];
        if (file.ReadAtLeast(prefix, 8, throwOnEndOfStream: false) < 8)
        {
            throw Broken($"it has {file.Length} bytes, too few for a header");
        }

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > MaxHeaderBytes)
        {
            throw Broken($"its header claims {length} bytes, more than the {MaxHeaderBytes} allowed");
        }

        if (length > (ulong)(file.Length - 8))
        {
            throw Broken($"its header claims {length} bytes, but only {file.Length - 8} follow");
        }

        byte[] header = new byte[length];
        file.ReadExactly(header);
        dataBegin = 8 + (long)length;
        try
        {
            using JsonDocument json = JsonDocument.Parse(header);
            ReadEntries(json.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new CheckpointException($"{path} is not a readable safetensors file: its header is not what it must be ({e.Message.Split('\n')[0]}).", e);
        }

        CheckTiling();
    }

    private void ReadEntries(JsonElement header)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (JsonProperty property in header.EnumerateObject())
        {
            if (!names.Add(property.Name))
            {
                throw Broken($"it names '{property.Name}' twice");
            }

            if (property.NameEquals(MetadataKey))
            {
                foreach (JsonProperty item in property.Value.EnumerateObject())
                {
                    metadata[item.Name] = item.Value.GetString() ?? throw Broken($"its metadata entry '{item.Name}' is not text");
                }
            }
            else
            {
                entries.Add(property.Name, ReadEntry(property.Name, property.Value));
            }
        }
    }

    private Entry ReadEntry(string name, JsonElement json)
    {
        string type = json.GetProperty("dtype").GetString() ?? "";
        DType dtype = type == "BOOL" ? DType.U8
            : Enum.TryParse(type, out DType known) && known.ToString() == type ? known
            : throw Broken($"'{name}' has the element type '{type}', which is not supported");
        if (json.GetProperty("shape").GetArrayLength() > Shape.MaxRank)
        {
            throw Broken($"'{name}' has more than {Shape.MaxRank} dimensions");
        }

        JsonElement[] offsets = [.. json.GetProperty("data_offsets").EnumerateArray()];
        if (offsets.Length != 2)
        {
            throw Broken($"'{name}' has {offsets.Length} offsets, not two");
        }

        (long begin, long end) = (offsets[0].GetInt64(), offsets[1].GetInt64());
        try
        {
            int[] sizes = [.. json.GetProperty("shape").EnumerateArray().Select(size => checked((int)size.GetInt64()))];
            Shape shape = Shape.Create(sizes);
            if (begin < 0 || end < begin || checked(shape.Count * dtype.Size) != end - begin)
            {
                throw Broken($"'{name}' is {dtype}{shape}, which does not fill its bytes {begin} to {end}");
            }

            // An array of .NET is what it is read into.
            return end - begin <= Array.MaxLength ? new Entry(dtype, shape, begin, end) : throw Broken($"'{name}' is larger than 2 GB");
        }
        catch (Exception e) when (e is OverflowException or ShapeException)
        {
            throw Broken($"the shape of '{name}' is out of range");
        }
    }

    /// <summary>In the order of their offsets the arrays must follow each other from the first byte of the data to the last.</summary>
    private void CheckTiling()
    {
        long at = 0;
        foreach ((string name, Entry entry) in entries.OrderBy(e => e.Value.Begin).ThenBy(e => e.Value.End))
        {
            if (entry.Begin != at)
            {
                throw Broken(entry.Begin < at ? $"'{name}' overlaps the array before it" : $"{entry.Begin - at} bytes before '{name}' belong to no array");
            }

            at = entry.End;
        }

        long data = file.Length - dataBegin;
        if (at != data)
        {
            throw Broken(at > data ? $"it is truncated: its arrays take {at} bytes, but {data} are there" : $"{data - at} bytes at its end belong to no array");
        }
    }

    private Entry Find(string name) =>
        entries.TryGetValue(name, out Entry? entry) ? entry : throw new CheckpointException($"{path} has no array '{name}'.");

    private CheckpointException Broken(string what) => new($"{path} is not a readable safetensors file: {what}.");

    private sealed record Entry(DType DType, Shape Shape, long Begin, long End);
}
