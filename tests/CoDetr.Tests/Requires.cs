namespace CoDetr.Tests;

/// <summary>Parts that a machine may lack. The test is skipped there, and says so; where <c>CI</c> is set it fails instead.</summary>
internal static class Requires
{
    internal static void Nvrtc() => Part(Tensors.Nvrtc.IsAvailable, "NVRTC was not found. Type: scripts/install-nvrtc.sh");

    /// <summary>NVRTC, and the soft GPU as this process's driver.</summary>
    internal static void SoftGpu()
    {
        Nvrtc();
        Part(CoDetr.SoftGpu.SoftGpuLibrary.IsInUse, "The soft GPU was not found. Type: scripts/build-softgpu.sh artifacts/softgpu");
    }

    /// <summary>NVRTC, and a GPU or the soft one.</summary>
    internal static void Gpu()
    {
        Nvrtc();
        bool isThere = CoDetr.SoftGpu.SoftGpuLibrary.IsInUse || Tensors.Device.Default is Tensors.CudaDevice;
        Part(isThere, "Neither a GPU nor the soft GPU was found. Type: scripts/build-softgpu.sh artifacts/softgpu");
    }

    internal static void Part(bool isThere, string otherwise)
    {
        if (!isThere && Environment.GetEnvironmentVariable("CI") is { Length: > 0 })
        {
            Assert.Fail(otherwise);
        }

        Assert.SkipUnless(isThere, otherwise);
    }
}
