using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>NVRTC, the compiler of kernel texts for GPUs: the calls that are used, and where the library was found.</summary>
internal static unsafe partial class Nvrtc
{
    private const string Library = "nvrtc";

    private static readonly Lazy<NativeSearch> Found;

    static Nvrtc() => Found = NativeLibraries.Add(Library, () => NativeSearch.Find(
        "CODETR_NVRTC",
        OperatingSystem.IsWindows()
            ? ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll", "nvrtc64_112_0.dll"]
            : ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2"],
        OperatingSystem.IsWindows() ? ["nvrtc-builtins64_*.dll"] : ["libnvrtc-builtins.so.*"]));

    /// <summary>Whether the library could be loaded.</summary>
    internal static bool IsAvailable => Found.Value.Handle != 0;

    /// <summary>What was loaded; empty if nothing.</summary>
    internal static string Path => Found.Value.Path;

    /// <summary>What was tried, in order, and what came of it.</summary>
    internal static IReadOnlyList<string> Tried => Found.Value.Tried;

    /// <summary>For example 11.8.</summary>
    internal static string VersionText => IsAvailable && Version(out int major, out int minor) == 0 ? $"{major}.{minor}" : "unknown";

    /// <summary>The capabilities that it compiles for, ascending; each is 10 · major + minor.</summary>
    internal static int[] Architectures()
    {
        if (GetArchitectureCount(out int count) != 0)
        {
            return [];
        }

        int[] architectures = new int[count];
        return GetArchitectures(architectures) == 0 ? architectures : [];
    }

    /// <summary>What the library calls a result.</summary>
    internal static string Words(int result) => Marshal.PtrToStringUTF8(GetErrorString(result)) ?? $"NVRTC error {result}";

    internal static void ThrowIfMissing()
    {
        if (!IsAvailable)
        {
            throw new DeviceException(
                "NVRTC, the compiler of the GPU's kernels, was not found. Install it (scripts/install-nvrtc.sh, or NVIDIA's cuda-nvrtc package) or set CODETR_NVRTC to its " +
                $"file or folder; or use --device cpu. Tried: {string.Join("; ", Tried)}.");
        }
    }

    [LibraryImport(Library, EntryPoint = "nvrtcVersion")]
    internal static partial int Version(out int major, out int minor);

    [LibraryImport(Library, EntryPoint = "nvrtcGetNumSupportedArchs")]
    private static partial int GetArchitectureCount(out int count);

    [LibraryImport(Library, EntryPoint = "nvrtcGetSupportedArchs")]
    private static partial int GetArchitectures(Span<int> architectures);

    [LibraryImport(Library, EntryPoint = "nvrtcCreateProgram", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int CreateProgram(out nint program, string text, string name, int headers, string[] headerTexts, string[] headerNames);

    [LibraryImport(Library, EntryPoint = "nvrtcDestroyProgram")]
    internal static partial int DestroyProgram(ref nint program);

    [LibraryImport(Library, EntryPoint = "nvrtcCompileProgram", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int CompileProgram(nint program, int count, string[] options);

    [LibraryImport(Library, EntryPoint = "nvrtcGetProgramLogSize")]
    internal static partial int GetLogSize(nint program, out nuint bytes);

    [LibraryImport(Library, EntryPoint = "nvrtcGetProgramLog")]
    internal static partial int GetLog(nint program, Span<byte> log);

    [LibraryImport(Library, EntryPoint = "nvrtcGetCUBINSize")]
    internal static partial int GetCubinSize(nint program, out nuint bytes);

    [LibraryImport(Library, EntryPoint = "nvrtcGetCUBIN")]
    internal static partial int GetCubin(nint program, Span<byte> cubin);

    [LibraryImport(Library, EntryPoint = "nvrtcGetPTXSize")]
    internal static partial int GetPtxSize(nint program, out nuint bytes);

    [LibraryImport(Library, EntryPoint = "nvrtcGetPTX")]
    internal static partial int GetPtx(nint program, Span<byte> ptx);

    [LibraryImport(Library, EntryPoint = "nvrtcGetErrorString")]
    private static partial nint GetErrorString(int result);
}
