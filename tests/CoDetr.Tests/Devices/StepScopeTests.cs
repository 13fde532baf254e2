using CoDetr.Tensors;

namespace CoDetr.Tests.Devices;

public sealed class StepScopeTests
{
    [Fact]
    public void ReturnsEverythingExceptWhatWasKept()
    {
        using CpuDevice device = new(1);
        Tensor kept;
        using (StepScope scope = StepScope.Begin())
        {
            Tensor.Zeros([100], device: device);
            kept = scope.Keep(Tensor.Zeros([7], device: device));
        }

        Assert.Equal(1, device.LiveCount);
        Assert.Equal(new float[7], kept.ToArray());
        kept.Dispose();
        Assert.Equal(0, device.LiveCount);
    }

    [Fact]
    public void ReadingAReturnedTensorSaysWhy()
    {
        Tensor gone;
        using (StepScope.Begin())
        {
            gone = Tensor.Zeros([4]);
        }

        Assert.Contains("StepScope.Keep", Assert.Throws<ObjectDisposedException>(() => gone.ToArray()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BackwardFreesActivationsAsItGoes()
    {
        using CpuDevice device = new(1);
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.Zeros([1000, 64], device: device), weight = Tensor.Zeros([64], device: device), bias = Tensor.Zeros([64], device: device);
        weight.RequiresGrad = true;
        Tensor y = x;
        for (int layer = 0; layer < 8; layer++)
        {
            y = y.LayerNorm(weight, bias);
        }

        long before = device.LiveBytes;
        y.Sum(0).Sum(0).Backward();
        Assert.True(device.LiveBytes < before / 4, $"{device.LiveBytes} of {before} bytes are still held after backward.");
    }
}
