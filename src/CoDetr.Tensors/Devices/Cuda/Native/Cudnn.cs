using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>NVIDIA's library of convolutions: the calls that are used, numbered as in cudnn.h; they are the same in versions 8 and 9.</summary>
internal static partial class Cudnn
{
    internal const int Success = 0;
    internal const int ChannelsLast = 1;
    internal const int CrossCorrelation = 1;

    /// <summary>cudnnMathType_t: tensor cores, and for f32 none, which would round its operands.</summary>
    internal const int TensorMath = 1, FusedMath = 3;

    /// <summary>Of each pass the algorithm that needs no order of atomics: implicit product ahead of time; data 1; filter 1.</summary>
    internal const int Algorithm = 1;

    private const string Library = "cudnn";

    private static readonly Lazy<NativeSearch> Found;

    static Cudnn() => Found = NativeLibraries.Add(
        Library, () => NativeSearch.Find("CODETR_CUDNN", OperatingSystem.IsWindows() ? ["cudnn64_9.dll", "cudnn64_8.dll"] : ["libcudnn.so.9", "libcudnn.so.8"]));

    /// <summary>cudnnDataType_t</summary>
    internal enum Data
    {
        F32 = 0,
        F16 = 2,
        BF16 = 9,
    }

    /// <summary>Whether the library could be loaded.</summary>
    internal static bool IsAvailable => Found.Value.Handle != 0;

    /// <summary>What was tried, in order, and what came of it.</summary>
    internal static IReadOnlyList<string> Tried => Found.Value.Tried;

    [LibraryImport(Library, EntryPoint = "cudnnCreate")]
    internal static partial int Create(out nint handle);

    [LibraryImport(Library, EntryPoint = "cudnnDestroy")]
    internal static partial int Destroy(nint handle);

    [LibraryImport(Library, EntryPoint = "cudnnSetStream")]
    internal static partial int SetStream(nint handle, nint stream);

    [LibraryImport(Library, EntryPoint = "cudnnCreateTensorDescriptor")]
    internal static partial int CreateMap(out nint map);

    [LibraryImport(Library, EntryPoint = "cudnnSetTensor4dDescriptor")]
    internal static partial int SetMap(nint map, int layout, Data type, int images, int channels, int height, int width);

    [LibraryImport(Library, EntryPoint = "cudnnDestroyTensorDescriptor")]
    internal static partial int DestroyMap(nint map);

    [LibraryImport(Library, EntryPoint = "cudnnCreateFilterDescriptor")]
    internal static partial int CreateFilter(out nint filter);

    [LibraryImport(Library, EntryPoint = "cudnnSetFilter4dDescriptor")]
    internal static partial int SetFilter(nint filter, Data type, int layout, int outputs, int channels, int height, int width);

    [LibraryImport(Library, EntryPoint = "cudnnDestroyFilterDescriptor")]
    internal static partial int DestroyFilter(nint filter);

    [LibraryImport(Library, EntryPoint = "cudnnCreateConvolutionDescriptor")]
    internal static partial int CreateConvolution(out nint convolution);

    [LibraryImport(Library, EntryPoint = "cudnnSetConvolution2dDescriptor")]
    internal static partial int SetConvolution(
        nint convolution, int padHeight, int padWidth, int strideHeight, int strideWidth, int dilationHeight, int dilationWidth, int mode, Data compute);

    [LibraryImport(Library, EntryPoint = "cudnnSetConvolutionGroupCount")]
    internal static partial int SetGroups(nint convolution, int groups);

    [LibraryImport(Library, EntryPoint = "cudnnSetConvolutionMathType")]
    internal static partial int SetMath(nint convolution, int math);

    [LibraryImport(Library, EntryPoint = "cudnnDestroyConvolutionDescriptor")]
    internal static partial int DestroyConvolution(nint convolution);

    [LibraryImport(Library, EntryPoint = "cudnnGetConvolutionForwardWorkspaceSize")]
    internal static partial int ForwardWorkspace(nint handle, nint x, nint w, nint convolution, nint y, int algorithm, out nuint bytes);

    [LibraryImport(Library, EntryPoint = "cudnnGetConvolutionBackwardDataWorkspaceSize")]
    internal static partial int BackwardDataWorkspace(nint handle, nint w, nint dy, nint convolution, nint dx, int algorithm, out nuint bytes);

    [LibraryImport(Library, EntryPoint = "cudnnGetConvolutionBackwardFilterWorkspaceSize")]
    internal static partial int BackwardFilterWorkspace(nint handle, nint x, nint dy, nint convolution, nint dw, int algorithm, out nuint bytes);

    [LibraryImport(Library, EntryPoint = "cudnnConvolutionForward")]
    internal static partial int Forward(
        nint handle, in float alpha, nint map, nint x, nint filter, nint w, nint convolution, int algorithm, nint workspace, nuint bytes, in float beta,
        nint output, nint y);

    [LibraryImport(Library, EntryPoint = "cudnnConvolutionBackwardData")]
    internal static partial int BackwardData(
        nint handle, in float alpha, nint filter, nint w, nint output, nint dy, nint convolution, int algorithm, nint workspace, nuint bytes, in float beta,
        nint map, nint dx);

    [LibraryImport(Library, EntryPoint = "cudnnConvolutionBackwardFilter")]
    internal static partial int BackwardFilter(
        nint handle, in float alpha, nint map, nint x, nint output, nint dy, nint convolution, int algorithm, nint workspace, nuint bytes, in float beta,
        nint filter, nint dw);
}
