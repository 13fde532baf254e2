using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>
/// The CUDA driver: the calls that are used. Entry points carry the version suffix that cuda.h gives them; these names are the driver's stable interface
/// since CUDA 11.4, the oldest that is supported.
/// </summary>
internal static unsafe partial class CudaDriver
{
    internal const int Success = 0;
    internal const int OutOfMemory = 2;
    internal const int NotReady = 600;
    internal const uint NonBlocking = 1;
    internal const uint DisableTiming = 2;
    internal const int RelaxedCapture = 2; // memory may be allocated meanwhile

    private const string Library = "cuda";

    private static readonly Lazy<NativeSearch> Found;

    static CudaDriver() => Found = NativeLibraries.Add(
        Library, () => NativeSearch.Find("CODETR_CUDA_DRIVER", [OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1"]));

    /// <summary>Attributes of a card, numbered as in cuda.h.</summary>
    internal enum DeviceAttribute
    {
        Multiprocessors = 16,
        CapabilityMajor = 75,
        CapabilityMinor = 76,
        SharedBytesOptIn = 97,
    }

    /// <summary>Attributes of a kernel, numbered as in cuda.h.</summary>
    internal enum FunctionAttribute
    {
        MaxThreads = 0,
        SharedBytes = 1,
        MaxDynamicSharedBytes = 8,
    }

    /// <summary>Whether the library could be loaded.</summary>
    internal static bool IsAvailable => Found.Value.Handle != 0;

    /// <summary>What was loaded; empty if nothing.</summary>
    internal static string Path => Found.Value.Path;

    /// <summary>What was tried, in order, and what came of it.</summary>
    internal static IReadOnlyList<string> Tried => Found.Value.Tried;

    [LibraryImport(Library, EntryPoint = "cuInit")]
    internal static partial int Init(uint flags);

    [LibraryImport(Library, EntryPoint = "cuDriverGetVersion")]
    internal static partial int GetVersion(out int version);

    [LibraryImport(Library, EntryPoint = "cuGetErrorName")]
    internal static partial int GetErrorName(int result, out nint name);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetCount")]
    internal static partial int GetDeviceCount(out int count);

    [LibraryImport(Library, EntryPoint = "cuDeviceGet")]
    internal static partial int GetDevice(out int device, int index);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetName")]
    internal static partial int GetDeviceName(byte* name, int bytes, int device);

    [LibraryImport(Library, EntryPoint = "cuDeviceTotalMem_v2")]
    internal static partial int GetTotalMemory(out nuint bytes, int device);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetAttribute")]
    internal static partial int GetAttribute(out int value, DeviceAttribute attribute, int device);

    [LibraryImport(Library, EntryPoint = "cuDevicePrimaryCtxRetain")]
    internal static partial int RetainContext(out nint context, int device);

    [LibraryImport(Library, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    internal static partial int ReleaseContext(int device);

    [LibraryImport(Library, EntryPoint = "cuCtxSetCurrent")]
    internal static partial int SetCurrent(nint context);

    [LibraryImport(Library, EntryPoint = "cuModuleLoadDataEx")]
    internal static partial int LoadModule(out nint module, byte* image, uint options, int* names, void** values);

    [LibraryImport(Library, EntryPoint = "cuModuleUnload")]
    internal static partial int UnloadModule(nint module);

    [LibraryImport(Library, EntryPoint = "cuModuleGetFunction", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int GetFunction(out nint function, nint module, string name);

    [LibraryImport(Library, EntryPoint = "cuFuncGetAttribute")]
    internal static partial int GetAttribute(out int value, FunctionAttribute attribute, nint function);

    [LibraryImport(Library, EntryPoint = "cuFuncSetAttribute")]
    internal static partial int SetAttribute(nint function, FunctionAttribute attribute, int value);

    [LibraryImport(Library, EntryPoint = "cuOccupancyMaxActiveBlocksPerMultiprocessor")]
    internal static partial int GetResidentBlocks(out int blocks, nint function, int threads, nuint dynamicShared);

    [LibraryImport(Library, EntryPoint = "cuLaunchKernel")]
    internal static partial int Launch(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint sharedBytes, nint stream, void** parameters, void** extra);

    [LibraryImport(Library, EntryPoint = "cuMemGetInfo_v2")]
    internal static partial int GetMemory(out nuint free, out nuint total);

    [LibraryImport(Library, EntryPoint = "cuMemAlloc_v2")]
    internal static partial int Allocate(out nint pointer, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cuMemFree_v2")]
    internal static partial int Free(nint pointer);

    [LibraryImport(Library, EntryPoint = "cuMemHostAlloc")]
    internal static partial int AllocatePinned(out nint pointer, nuint bytes, uint flags);

    [LibraryImport(Library, EntryPoint = "cuMemFreeHost")]
    internal static partial int FreePinned(nint pointer);

    [LibraryImport(Library, EntryPoint = "cuMemcpyHtoDAsync_v2")]
    internal static partial int CopyToDevice(nint to, nint from, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cuMemcpyDtoHAsync_v2")]
    internal static partial int CopyToHost(nint to, nint from, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cuMemcpyDtoDAsync_v2")]
    internal static partial int CopyWithin(nint to, nint from, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cuMemsetD8Async")]
    internal static partial int Fill(nint to, byte value, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cuStreamCreate")]
    internal static partial int CreateStream(out nint stream, uint flags);

    [LibraryImport(Library, EntryPoint = "cuStreamDestroy_v2")]
    internal static partial int DestroyStream(nint stream);

    [LibraryImport(Library, EntryPoint = "cuStreamSynchronize")]
    internal static partial int Synchronize(nint stream);

    [LibraryImport(Library, EntryPoint = "cuStreamWaitEvent")]
    internal static partial int WaitEvent(nint stream, nint @event, uint flags);

    [LibraryImport(Library, EntryPoint = "cuEventCreate")]
    internal static partial int CreateEvent(out nint @event, uint flags);

    [LibraryImport(Library, EntryPoint = "cuEventDestroy_v2")]
    internal static partial int DestroyEvent(nint @event);

    [LibraryImport(Library, EntryPoint = "cuEventRecord")]
    internal static partial int RecordEvent(nint @event, nint stream);

    [LibraryImport(Library, EntryPoint = "cuEventQuery")]
    internal static partial int QueryEvent(nint @event);

    [LibraryImport(Library, EntryPoint = "cuEventSynchronize")]
    internal static partial int SynchronizeEvent(nint @event);

    [LibraryImport(Library, EntryPoint = "cuStreamBeginCapture_v2")]
    internal static partial int BeginCapture(nint stream, int mode);

    [LibraryImport(Library, EntryPoint = "cuStreamEndCapture")]
    internal static partial int EndCapture(nint stream, out nint graph);

    [LibraryImport(Library, EntryPoint = "cuGraphInstantiateWithFlags")]
    internal static partial int InstantiateGraph(out nint executable, nint graph, ulong flags);

    [LibraryImport(Library, EntryPoint = "cuGraphLaunch")]
    internal static partial int LaunchGraph(nint executable, nint stream);

    [LibraryImport(Library, EntryPoint = "cuGraphDestroy")]
    internal static partial int DestroyGraph(nint graph);

    [LibraryImport(Library, EntryPoint = "cuGraphExecDestroy")]
    internal static partial int DestroyExecutable(nint executable);

    /// <summary>The name that cuda.h gives a result, for example <c>CUDA_ERROR_OUT_OF_MEMORY</c>.</summary>
    internal static string NameOf(int result) =>
        GetErrorName(result, out nint name) == Success && name != 0 ? Marshal.PtrToStringUTF8(name)! : $"CUDA_ERROR {result}";
}
