using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace CoDetr.Tests.Data;

/// <summary>A golden case as plain arrays: its description, and its tensors when it has any.</summary>
internal sealed class StoredCase
{
    private readonly byte[] _bytes = [];
    private readonly JsonElement _header;
    private readonly int _start;

    internal StoredCase(string folder, string name)
    {
        Folder = Path.Combine(Repository.Root, "tests", "golden", folder);
        using JsonDocument description = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, name + ".json")));
        Description = description.RootElement.Clone();
        string tensors = Path.Combine(Folder, name + ".safetensors");
        if (!File.Exists(tensors))
            return;
        _bytes = File.ReadAllBytes(tensors);
        _start = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(_bytes);
        using JsonDocument header = JsonDocument.Parse(_bytes.AsMemory(8, _start - 8));
        _header = header.RootElement.Clone();
    }

    internal string Folder { get; }

    internal JsonElement Description { get; }

    internal IEnumerable<string> Outputs => Description.GetProperty("tensors").GetProperty("outputs").EnumerateObject().Select(o => o.Name);

    internal static IEnumerable<string> Names(string folder, string prefix = "") =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests", "golden", folder), prefix + "*.json")
            .Select(f => Path.GetFileName(f)[..^5]).Where(n => !n.EndsWith(".gt", StringComparison.Ordinal) && !n.EndsWith(".dets", StringComparison.Ordinal)).Order();

    internal bool Has(string tensor) => _header.ValueKind == JsonValueKind.Object && _header.TryGetProperty(tensor, out _);

    internal int[] Shape(string tensor) => [.. _header.GetProperty(tensor).GetProperty("shape").EnumerateArray().Select(d => d.GetInt32())];

    internal T[] Read<T>(string tensor) where T : struct
    {
        JsonElement offsets = _header.GetProperty(tensor).GetProperty("data_offsets");
        int first = offsets[0].GetInt32(), last = offsets[1].GetInt32();
        return MemoryMarshal.Cast<byte, T>(_bytes.AsSpan(_start + first, last - first)).ToArray();
    }

    /// <summary>Absolute tolerance and relative tolerance of a tensor.</summary>
    internal (double Absolute, double Relative) Tolerance(string tensor)
    {
        JsonElement all = Description.GetProperty("tolerance");
        JsonElement one = all.TryGetProperty(tensor, out JsonElement own) ? own : all.GetProperty("default");
        return (one.GetProperty("atol").GetDouble(), one.GetProperty("rtol").GetDouble());
    }
}
