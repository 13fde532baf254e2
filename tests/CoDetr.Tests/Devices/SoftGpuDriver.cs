using System.Runtime.CompilerServices;
using CoDetr.SoftGpu;

namespace CoDetr.Tests.Devices;

/// <summary>
/// Where no driver is named, the soft GPU of the build is this process's driver: the tests of the CUDA device find it, and all others compute on the CPU.
/// </summary>
internal static class SoftGpuDriver
{
    internal static string Path { get; } = System.IO.Path.Combine(Repository.Root, "artifacts", "softgpu", "libcuda.so.1");

    [ModuleInitializer]
    internal static void Use()
    {
        if (Environment.GetEnvironmentVariable("CODETR_CUDA_DRIVER") is null && File.Exists(Path))
        {
            Environment.SetEnvironmentVariable("CODETR_CUDA_DRIVER", Path);
            Environment.SetEnvironmentVariable("CODETR_DEVICE", Environment.GetEnvironmentVariable("CODETR_DEVICE") ?? "cpu");
        }

        if (SoftGpuLibrary.IsInUse)
        {
            SoftGpuLibrary.Configure("SOFTGPU_DEVICES", "2"); // some tests want another card
        }
    }
}
