using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>What the driver says of one GPU.</summary>
/// <param name="Index">Its place among the driver's devices.</param>
/// <param name="Handle">The driver's handle.</param>
/// <param name="Name">As the vendor calls it.</param>
/// <param name="Capability">Major and minor compute capability, for example 80 for 8.0.</param>
/// <param name="Multiprocessors">How many blocks run at the same time, at least.</param>
/// <param name="SharedBytes">The most shared memory that a block may ask for.</param>
/// <param name="MemoryBytes">All of its memory.</param>
internal sealed record CudaCard(int Index, int Handle, string Name, int Capability, int Multiprocessors, int SharedBytes, long MemoryBytes)
{
    private const int LeastVersion = 11040; // has every entry point that is called

    /// <summary>How many GPUs the driver shows. Throws if there is no driver or it does not start.</summary>
    internal static int Count()
    {
        if (!CudaDriver.IsAvailable)
        {
            throw new DeviceException(
                $"There is no CUDA driver ({string.Join("; ", CudaDriver.Tried)}). Install NVIDIA's driver, or use --device cpu.");
        }

        Check(CudaDriver.Init(0), "cuInit");
        Check(CudaDriver.GetVersion(out int version), "cuDriverGetVersion");
        if (version < LeastVersion)
        {
            throw new DeviceException(
                $"The CUDA driver {CudaDriver.Path} is for CUDA {version / 1000}.{version % 1000 / 10}; {LeastVersion / 1000}.{LeastVersion % 1000 / 10} or newer is " +
                "needed. Update NVIDIA's driver, or use --device cpu.");
        }

        Check(CudaDriver.GetDeviceCount(out int count), "cuDeviceGetCount");
        return count;
    }

    internal static unsafe CudaCard Open(int index)
    {
        int count = Count();
        if (index >= count)
        {
            throw new DeviceException($"There is no cuda:{index}: the driver shows {count} GPU{(count == 1 ? "" : "s")}. 'codetr devices' lists what there is.");
        }

        Check(CudaDriver.GetDevice(out int device, index), "cuDeviceGet");
        byte* name = stackalloc byte[256];
        Check(CudaDriver.GetDeviceName(name, 256, device), "cuDeviceGetName");
        Check(CudaDriver.GetTotalMemory(out nuint bytes, device), "cuDeviceTotalMem");
        int capability = (10 * Get(CudaDriver.DeviceAttribute.CapabilityMajor)) + Get(CudaDriver.DeviceAttribute.CapabilityMinor);
        return new CudaCard(
            index, device, Marshal.PtrToStringUTF8((nint)name)!, capability, Get(CudaDriver.DeviceAttribute.Multiprocessors),
            Get(CudaDriver.DeviceAttribute.SharedBytesOptIn), (long)bytes);

        int Get(CudaDriver.DeviceAttribute attribute)
        {
            Check(CudaDriver.GetAttribute(out int value, attribute, device), "cuDeviceGetAttribute");
            return value;
        }
    }

    private static void Check(int result, string call)
    {
        if (result != CudaDriver.Success)
        {
            throw new DeviceException($"{call} failed: {CudaDriver.NameOf(result)}. The CUDA driver {CudaDriver.Path} does not work here; 'codetr devices' shows more.");
        }
    }
}
