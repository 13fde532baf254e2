using CoDetr.SoftGpu;
using CoDetr.Tensors;

namespace CoDetr.Tests.Devices;

/// <summary>What the CUDA device says when the driver refuses: the call, the error's name, what came before, what to do.</summary>
[Collection(Alone.Name)]
public sealed class CudaFaultTests
{
    private const int Card = 1; // not the default device's: an error that stays would stay with that one
    private const int OutOfMemory = 2;
    private const int NoBinary = 209;
    private const int LaunchFailed = 719;

    public CudaFaultTests() => Requires.SoftGpu();

    [Fact]
    public void ALostDeviceSaysSoEveryTimeAndCanBeDisposed()
    {
        CudaDevice device = new(Card);
        using (StepScope.Begin())
        {
            Tensor x = Tensor.From<float>([1, 2, 3], [3], device);
            Tensor y = (x + x) * x;
            SoftGpuLibrary.FailNext("cuLaunchKernel", LaunchFailed);
            string message = Assert.Throws<DeviceException>(() => x.Softmax()).Message;
            Assert.StartsWith("cuLaunchKernel failed on cuda:1 (", message);
            Assert.Contains("CUDA_ERROR_LAUNCH_FAILED. Last launches: softmax_forward <<<1, 32>>>, broadcast_", message);
            Assert.Contains("CODETR_SYNC=1", message);
            Assert.DoesNotContain('\n', message);
            Assert.Equal(message, Assert.Throws<DeviceException>(() => y.ToArray()).Message);
            Assert.Equal(message, Assert.Throws<DeviceException>(() => x.Like()).Message);
        } // returns its storages

        device.Dispose();
        using CudaDevice next = new(Card); // with a new context
        Assert.Equal(0, next.LiveBytes);
        SoftGpuLibrary.TakeFindings();
    }

    [Fact]
    public void WaitingAfterEachLaunchNamesTheCulprit()
    {
        using EnvironmentSetting sync = new("CODETR_SYNC", "1");
        using CudaDevice device = new(Card);
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From<float>([1, 2, 3], [3], device);
        Tensor y = x + x;
        SoftGpuLibrary.FailNext("cuStreamSynchronize", 700);
        string message = Assert.Throws<DeviceException>(() => y.Softmax()).Message;
        Assert.StartsWith("softmax_forward failed on cuda:1 (", message);
        Assert.EndsWith("The device is lost to this process.", message);
    }

    [Fact]
    public void AnErrorThatIsNotStickyLeavesTheDeviceUsable()
    {
        using CudaDevice device = new(Card);
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From<float>([1, 2, 3], [3], device);
        _ = x + x;
        SoftGpuLibrary.FailNext("cuLaunchKernel", 701);
        Assert.Contains("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES. Last launches: ", Assert.Throws<DeviceException>(() => x + x).Message);
        Assert.Equal([2, 4, 6], (x + x).ToArray());
    }

    [Fact]
    public void MemoryThatIsOnlyHeldInReserveIsGivenBackFirst()
    {
        using CudaDevice device = new(Card);
        using StepScope scope = StepScope.Begin();
        Tensor.Empty([1 << 20], device: device).Dispose();
        SoftGpuLibrary.FailNext("cuMemAlloc_v2", OutOfMemory);
        Assert.Equal(5 << 20, Tensor.Empty([5 << 20], device: device).Count);
    }

    [Fact]
    public void OutOfMemorySaysWhatWasAskedWhatIsHeldAndByWhom()
    {
        using CudaDevice device = new(Card);
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From(new float[1 << 18], [1 << 18], device);
        _ = x + x;
        _ = x.Softmax();
        Tensor zeros = Tensor.Zeros([1 << 19], device: device);
        SoftGpuLibrary.FailNext("cuMemAlloc_v2", OutOfMemory);
        SoftGpuLibrary.FailNext("cuMemAlloc_v2", OutOfMemory);
        string message = Assert.Throws<DeviceMemoryException>(() => Tensor.Empty([3 << 18], device: device)).Message;
        Assert.StartsWith("No memory for 3.0 MiB; tensors hold 5.0 MiB of the card's 4096.0 MiB, ", message);
        Assert.Contains("Most is held by zeros 2.0 MiB, ", message);
        Assert.Contains("softmax_forward 1.0 MiB", message);
        Assert.Contains("uploads 1.0 MiB", message);
        Assert.Contains("smaller batch", message);
        Assert.Equal(1 << 19, zeros.Count);
    }

    [Fact]
    public void ACubinThatTheDriverRefusesIsReplacedByItsPtx()
    {
        using CudaDevice device = new(Card); // the soft GPU refuses every cubin
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From<float>([1, 2, 3], [3], device);
        Assert.Equal([2, 4, 6], (x + x).ToArray());
        SoftGpuLibrary.FailNext("cuModuleLoadDataEx", NoBinary, after: 1);
        Assert.Contains("cuModuleLoadDataEx(softmax.cu)", Assert.Throws<DeviceException>(() => x.Softmax()).Message);
        Assert.Equal(1, x.Softmax().ToArray().Sum(), 1e-6);
    }

    [Fact]
    public void ACardThatIsNotThereIsNamedByItsNumber() => Assert.Contains(
        "There is no cuda:7: the driver shows 2 GPUs.", Assert.Throws<DeviceException>(() => new CudaDevice(7)).Message);
}
