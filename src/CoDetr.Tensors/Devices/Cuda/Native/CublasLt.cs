using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>NVIDIA's library of matrix products: the calls that are used, numbered as in cublasLt.h.</summary>
internal static unsafe partial class CublasLt
{
    internal const int Success = 0;

    private const string Library = "cublasLt";

    private static readonly Lazy<NativeSearch> Found;

    static CublasLt() => Found = NativeLibraries.Add(
        Library,
        () => NativeSearch.Find(
            "CODETR_CUBLASLT",
            OperatingSystem.IsWindows()
                ? ["cublasLt64_13.dll", "cublasLt64_12.dll", "cublasLt64_11.dll"]
                : ["libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11"]));

    /// <summary>cudaDataType_t</summary>
    internal enum Data
    {
        F32 = 0,
        F16 = 2,
        BF16 = 14,
    }

    /// <summary>cublasComputeType_t</summary>
    internal enum Compute
    {
        F32 = 68,
    }

    /// <summary>cublasLtMatmulDescAttributes_t</summary>
    internal enum ProductAttribute
    {
        TransposeA = 3,
        TransposeB = 4,
    }

    /// <summary>cublasLtMatrixLayoutAttribute_t</summary>
    internal enum LayoutAttribute
    {
        BatchCount = 5,
        BatchStep = 6,
    }

    /// <summary>cublasLtMatmulPreferenceAttributes_t</summary>
    internal enum PreferenceAttribute
    {
        MaxWorkspaceBytes = 1,
    }

    /// <summary>Whether the library could be loaded.</summary>
    internal static bool IsAvailable => Found.Value.Handle != 0;

    /// <summary>What was tried, in order, and what came of it.</summary>
    internal static IReadOnlyList<string> Tried => Found.Value.Tried;

    [LibraryImport(Library, EntryPoint = "cublasLtCreate")]
    internal static partial int Create(out nint handle);

    [LibraryImport(Library, EntryPoint = "cublasLtDestroy")]
    internal static partial int Destroy(nint handle);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulDescCreate")]
    internal static partial int CreateProduct(out nint product, Compute compute, Data scale);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulDescSetAttribute")]
    internal static partial int SetProduct(nint product, ProductAttribute attribute, in int value, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulDescDestroy")]
    internal static partial int DestroyProduct(nint product);

    [LibraryImport(Library, EntryPoint = "cublasLtMatrixLayoutCreate")]
    internal static partial int CreateLayout(out nint layout, Data type, ulong rows, ulong columns, long ld);

    [LibraryImport(Library, EntryPoint = "cublasLtMatrixLayoutSetAttribute")]
    internal static partial int SetLayout(nint layout, LayoutAttribute attribute, in int value, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cublasLtMatrixLayoutSetAttribute")]
    internal static partial int SetLayout(nint layout, LayoutAttribute attribute, in long value, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cublasLtMatrixLayoutDestroy")]
    internal static partial int DestroyLayout(nint layout);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulPreferenceCreate")]
    internal static partial int CreatePreference(out nint preference);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulPreferenceSetAttribute")]
    internal static partial int SetPreference(nint preference, PreferenceAttribute attribute, in ulong value, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulPreferenceDestroy")]
    internal static partial int DestroyPreference(nint preference);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulAlgoGetHeuristic")]
    internal static partial int FindAlgorithms(
        nint handle, nint product, nint layoutA, nint layoutB, nint layoutC, nint layoutD, nint preference, int wanted, out Choice choice, out int found);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmul")]
    internal static partial int Multiply(
        nint handle, nint product, in float alpha, nint a, nint layoutA, nint b, nint layoutB, in float beta, nint c, nint layoutC, nint d, nint layoutD,
        in Choice choice, nint workspace, nuint workspaceBytes, nint stream);

    /// <summary>cublasLtMatmulHeuristicResult_t; it begins with the algorithm itself.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Choice
    {
        internal fixed ulong Algorithm[8];
        internal nuint WorkspaceBytes;
        internal int State;
        internal float Waves;
        internal fixed int Reserved[4];
    }
}
