using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace CoDetr.SoftGpu;

/// <summary>What the launches of one kernel cost, added up; see <c>Counters</c> in <c>machine.h</c>.</summary>
internal sealed record KernelCounters
{
    [JsonPropertyName("kernel")]
    public string Kernel { get; init; } = "";

    [JsonPropertyName("launches")]
    public long Launches { get; init; }

    [JsonPropertyName("threads")]
    public long Threads { get; init; }

    [JsonPropertyName("instructions")]
    public long Instructions { get; init; }

    [JsonPropertyName("read_sectors")]
    public long ReadSectors { get; init; }

    [JsonPropertyName("written_sectors")]
    public long WrittenSectors { get; init; }

    [JsonPropertyName("read_bytes")]
    public long ReadBytes { get; init; }

    [JsonPropertyName("written_bytes")]
    public long WrittenBytes { get; init; }

    [JsonPropertyName("shared_accesses")]
    public long SharedAccesses { get; init; }

    [JsonPropertyName("shared_conflicts")]
    public long SharedConflicts { get; init; }

    [JsonPropertyName("branches")]
    public long Branches { get; init; }

    [JsonPropertyName("divergent_branches")]
    public long DivergentBranches { get; init; }

    [JsonPropertyName("atomics")]
    public long Atomics { get; init; }
}

/// <summary>The soft GPU's own entry points, where it stands in for the driver; with a real driver nothing is found here.</summary>
internal static unsafe class SoftGpuLibrary
{
    private static readonly Lazy<nint> Library = new(() =>
        Environment.GetEnvironmentVariable("CODETR_CUDA_DRIVER") is { Length: > 0 } path && NativeLibrary.TryLoad(path, out nint handle) ? handle : 0);

    /// <summary>Whether the driver in use is the soft GPU.</summary>
    internal static bool IsInUse => Entry("softgpuTakeFindings") != 0;

    /// <summary>What has been found since the last call, a line each; empty if nothing, or if this is no soft GPU.</summary>
    internal static string TakeFindings() => Text("softgpuTakeFindings", 1 << 16);

    /// <summary>What every kernel has cost since the last call.</summary>
    internal static KernelCounters[] TakeCounters() =>
        Text("softgpuTakeCounters", 1 << 20) is { Length: > 0 } json ? JsonSerializer.Deserialize<KernelCounters[]>(json)! : [];

    /// <summary>Changes a setting (README.md of the soft GPU lists them); with a real driver there is nothing to set.</summary>
    internal static void Configure(string name, string value)
    {
        if (!IsInUse)
        {
            return;
        }

        fixed (byte* n = Encoding.UTF8.GetBytes(name + '\0'), v = Encoding.UTF8.GetBytes(value + '\0'))
        {
            if (((delegate* unmanaged<byte*, byte*, int>)Entry("softgpuConfigure"))(n, v) == 0)
            {
                throw new ArgumentException($"The soft GPU has no setting {name} = {value}.");
            }
        }
    }

    /// <summary>The call of this entry point that comes after some others answers this result, and does nothing.</summary>
    internal static void FailNext(string entryPoint, int result, int after = 0)
    {
        fixed (byte* name = Encoding.UTF8.GetBytes(entryPoint + '\0'))
        {
            ((delegate* unmanaged<byte*, int, int, void>)Entry("softgpuFailNext"))(name, result, after);
        }
    }

    private static nint Entry(string name) => Library.Value != 0 && NativeLibrary.TryGetExport(Library.Value, name, out nint address) ? address : 0;

    private static string Text(string name, int bytes)
    {
        nint entry = Entry(name);
        if (entry == 0)
        {
            return "";
        }

        byte[] text = new byte[bytes];
        fixed (byte* start = text)
        {
            long count = ((delegate* unmanaged<byte*, nuint, long>)entry)(start, (nuint)bytes);
            return count == 0 ? "" : Encoding.UTF8.GetString(text).TrimEnd('\0');
        }
    }
}
