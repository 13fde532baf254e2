using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace CoDetr.Tensors;

/// <summary>Finds and loads the best host library that this CPU can run, and looks up entry points in it.</summary>
internal static class HostKernels
{
    private static readonly Lazy<Library> Single = new(() => Load(DType.F32));
    private static readonly Lazy<Library> Double = new(() => Load(DType.F64));

    /// <summary>The instruction set of the loaded f32 library, for example <c>x86-64-v4</c>.</summary>
    internal static string Level => Single.Value.Level;

    /// <summary>What was tried, in order, and what came of it.</summary>
    internal static IReadOnlyList<string> Tried => Single.Value.Tried;

    /// <summary>The instruction sets that a host library may be built for and that this CPU runs, best first.</summary>
    internal static IEnumerable<string> Levels()
    {
        string? forced = Environment.GetEnvironmentVariable("CODETR_SIMD");
        if (forced is not null)
        {
            return [forced];
        }

        bool v3 = Avx2.IsSupported && Fma.IsSupported && Bmi2.IsSupported;
        bool v4 = v3 && Avx512F.IsSupported && Avx512BW.IsSupported && Avx512CD.IsSupported && Avx512DQ.IsSupported;
        return (v4 ? ["x86-64-v4"] : Array.Empty<string>()).Concat(v3 ? ["x86-64-v3"] : []).Append("baseline");
    }

    /// <summary>The address of a native function; throws if the library lacks it.</summary>
    internal static nint Find(string function, DType real) =>
        NativeLibrary.TryGetExport((real == DType.F64 ? Double : Single).Value.Handle, function, out nint address)
            ? address
            : throw new EntryPointNotFoundException($"The host kernel library has no '{function}' for {real}. Build again: dotnet build -c Release.");

    private static Library Load(DType real)
    {
        if (real is not (DType.F32 or DType.F64))
        {
            throw new NotSupportedException($"The CPU device stores f32 (and f64 in tests), not {real}.");
        }

        List<string> tried = [];
        string suffix = real == DType.F64 ? "-f64" : "";
        string? forced = Environment.GetEnvironmentVariable("CODETR_KERNELS");
        string folder = forced ?? Path.Combine(AppContext.BaseDirectory, "kernels");
        foreach (string level in Levels())
        {
            string path = Path.Combine(folder, $"libcodetr_kernels-{level}{suffix}.so");
            if (!File.Exists(path))
            {
                tried.Add($"{path}: not there");
                continue;
            }

            try
            {
                return new Library(NativeLibrary.Load(path), level, [.. tried, $"{path}: loaded"]);
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
            {
                tried.Add($"{path}: {e.Message}");
            }
        }

        throw new DllNotFoundException($"No host kernel library could be loaded. Tried: {string.Join("; ", tried)}. Build again: dotnet build -c Release.");
    }

    private sealed record Library(nint Handle, string Level, IReadOnlyList<string> Tried);
}
