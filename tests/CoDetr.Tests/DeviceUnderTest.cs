using CoDetr.SoftGpu;
using CoDetr.Tensors;

namespace CoDetr.Tests;

/// <summary>Where a test runs: a CPU device of its own with so many workers, all launches spread over them; or the default device, where that is a GPU.</summary>
internal sealed class DeviceUnderTest(int workers) : IDisposable
{
    private readonly CpuDevice? own = Device.Default is CpuDevice ? new CpuDevice(workers) { SpreadFrom = 0, Poison = true } : null;

    /// <summary>Numbers of workers beside 2 for which a result must have the same bits; none where a GPU is the default device.</summary>
    internal static int[] OtherWorkers => Device.Default is CpuDevice ? [1, 3, 7] : [];

    public static implicit operator Device(DeviceUnderTest test) => test.own ?? Device.Default;

    public void Dispose()
    {
        own?.Dispose();
        AssertNoFindings("at the end of the test");
    }

    /// <summary>Fails if the soft GPU has found a fault since the last call.</summary>
    internal static void AssertNoFindings(string where)
    {
        string findings = SoftGpuLibrary.TakeFindings();
        Assert.True(findings.Length == 0, $"{where}: the soft GPU found:{Environment.NewLine}{findings}");
    }
}
