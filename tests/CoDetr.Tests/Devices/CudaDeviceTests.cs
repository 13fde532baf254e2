using System.Collections.Concurrent;
using CoDetr.SoftGpu;
using CoDetr.Tensors;

namespace CoDetr.Tests.Devices;

/// <summary>The CUDA device, on a card or the soft GPU: memory, copies, launches, recordings.</summary>
[Collection(Alone.Name)] // settings and findings of the soft GPU are the process's
public sealed class CudaDeviceTests : IDisposable
{
    private readonly CudaDevice device;
    private readonly StepScope scope = StepScope.Begin();

    public CudaDeviceTests()
    {
        Requires.Gpu();
        using EnvironmentSetting pool = new("CODETR_POOL", null); // a checking run switches it off
        device = new CudaDevice();
    }

    public void Dispose()
    {
        scope.Dispose();
        if (device is not null)
        {
            Assert.Equal((0, 0), (device.LiveBytes, device.LiveCount));
            device.Dispose();
            DeviceUnderTest.AssertNoFindings("at the end");
        }
    }

    [Fact]
    public void OneOpIsTwoUploadsOneLaunchOneWait()
    {
        Tensor x = Tensor.From<float>([1, 2, 3], [3], device), y = Tensor.From<float>([10, 20, 30], [3], device);
        Tensor sum = x + y;
        Assert.Equal((2, 1, 0), (device.Uploads, device.Launches, device.Waits));
        Assert.Equal([11, 22, 33], sum.ToArray());
        Assert.Equal((2, 1, 1), (device.Uploads, device.Launches, device.Waits));
    }

    [Fact]
    public void BlocksAreUsedAgain()
    {
        Tensor x = Tensor.Empty([1000], device: device);
        nint place = x.Pointer;
        Assert.Equal((4000, 1), (device.LiveBytes, device.LiveCount));
        x.Dispose();
        Tensor y = Tensor.Empty([1010], device: device); // the same size class
        Assert.Equal(place, y.Pointer);
        Assert.Equal((4040, 4040), (device.LiveBytes, device.PeakBytes));
        Tensor z = Tensor.Empty([0], device: device);
        Assert.Empty(z.ToArray());
        Assert.Equal(4040, device.LiveBytes);
    }

    [Fact]
    public void ABlockIsNotOverwrittenWhileAnEarlierLaunchReadsIt()
    {
        float[] ones = [.. Enumerable.Repeat(1f, 5000)], twos = [.. Enumerable.Repeat(2f, 5000)];
        foreach (int seed in Enumerable.Range(1, 5))
        {
            SoftGpuLibrary.Configure("SOFTGPU_SEED", $"{seed}");
            using StepScope step = StepScope.Begin();
            Tensor x = Tensor.From(ones, [5000], device);
            Tensor sum = x + x;
            x.Set<float>(twos); // waits for the launch, on the device
            Tensor more = x + x;
            Tensor late = Tensor.Empty([5000], device: device);
            x.Dispose();
            Tensor next = Tensor.From(ones, [5000], device); // in the block of x
            Assert.Equal(ones.Select(v => 2 * v), sum.ToArray());
            Assert.Equal(twos.Select(v => 2 * v), more.ToArray());
            Assert.Equal(ones, next.ToArray());
        }
    }

    [Fact]
    public void LongArraysGoInPieces()
    {
        byte[] bytes = new byte[(64 << 20) + 5];
        new Random(3).NextBytes(bytes);
        Assert.Equal(bytes, Tensor.From(bytes, [bytes.Length], device).ToArray<byte>());
        Assert.Equal(1, device.Uploads);
    }

    [Fact]
    public void ZerosAndCopies()
    {
        Tensor x = Tensor.From<float>([1, 2, 3, 4], [4], device), zeros = Tensor.Zeros([4], device: device), none = Tensor.Zeros([0], device: device);
        device.Copy(x.Pointer + 4, zeros.Pointer, 8);
        Assert.Equal([2, 3, 0, 0], zeros.ToArray());
        Assert.Empty(none.ToArray());
    }

    [Theory]
    [InlineData(1000, 0, 0, 256, 1, 4, 0)] // elements
    [InlineData(100, 32, 0, 32, 8, 13, 0)] // teams of a warp, eight to a block
    [InlineData(100, 20, 100, 32, 8, 13, 8 * 104)]
    [InlineData(3, 32, 0, 32, 1, 3, 0)] // few teams: one to a block
    [InlineData(100, 32, 30000, 32, 1, 100, 30000)] // much scratch: fewer teams
    [InlineData(10, 33, 50, 64, 1, 10, 56)] // a block each
    [InlineData(10, 5000, 0, 512, 1, 10, 0)]
    public void AShapeFollowsTheWork(long items, int lanes, int scratch, int x, int y, int mostBlocks, int shared)
    {
        CudaFunction function = new(device.Card with { Multiprocessors = 3 }, new CudaFaults("", false), device.Function("elementwise.cu", KernelIn("elementwise.cu"), DType.F32), "shape");
        (Dim3 grid, Dim3 block, int sharedBytes) = function.ShapeOf(new Work(items, lanes, scratch, 1));
        Assert.Equal((new Dim3(x, y), shared), (block, sharedBytes));
        Assert.InRange(grid.X, 1, mostBlocks);
    }

    [Fact]
    public void AGridIsNoLargerThanTheCardHoldsAtOnce()
    {
        CudaFunction function = new(device.Card, new CudaFaults("", false), device.Function("elementwise.cu", KernelIn("elementwise.cu"), DType.F32), "shape");
        (Dim3 grid, Dim3 block, _) = function.ShapeOf(Work.Elements(1L << 40));
        Assert.InRange(grid.X, device.Card.Multiprocessors, device.Card.Multiprocessors * 2048 / block.X);
    }

    [Fact]
    public void ALaunchAllocatesNothing()
    {
        Tensor x = Tensor.From<float>([1, 2, 3], [3], device), y = x.Like();
        Kernel kernel = new("softmax.cu", "softmax_forward");
        long HundredLaunches()
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++)
            {
                device.Launch(kernel, Work.Teams(1, 3), y, x, 1, 3);
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        // The first launch compiles, and the runtime may allocate once or twice when it replaces code by faster code.
        Assert.Contains(0, Enumerable.Range(0, 5).Select(_ => HundredLaunches()));
        Assert.Equal(1, y.ToArray().Sum(), 1e-6);
    }

    [Fact]
    public void ATensorOfAnotherDeviceIsRefused()
    {
        using CpuDevice cpu = new(1);
        Tensor here = Tensor.From<float>([1], [1], device), there = Tensor.From<float>([1], [1], cpu);
        Assert.Contains("lies on cpu (1 workers", Assert.Throws<ShapeException>(() => here + there).Message);
    }

    [Fact]
    public void SeveralCardsComputeSideBySide()
    {
        using CudaDevice other = new(1);
        using StepScope step = StepScope.Begin();
        Tensor here = Tensor.From<float>([1, 2], [2], device), there = Tensor.From<float>([3, 4], [2], other);
        Tensor more = there + there;
        Assert.Equal([2, 4], (here + here).ToArray());
        Assert.Equal([6, 8], more.ToArray());
        Assert.StartsWith("cuda:1 (", other.Description);
        Assert.Contains("lies on cuda:1", Assert.Throws<ShapeException>(() => here + there).Message);
    }

    [Fact]
    public void WithoutAPoolABlockIsFreedAtOnce()
    {
        using EnvironmentSetting pool = new("CODETR_POOL", "0");
        using CudaDevice bare = new();
        using StepScope step = StepScope.Begin();
        Tensor x = Tensor.From<float>([1, 2, 3], [3], bare), y = x.Like();
        x.Dispose();
        Assert.Contains("CUDA_ERROR_INVALID_VALUE", Assert.Throws<DeviceException>(() => bare.Copy(y.Pointer + 12, y.Pointer, 4)).Message); // behind the end
        Assert.Contains("behind an allocation of 12 bytes", SoftGpuLibrary.TakeFindings());
    }

    [Fact]
    public void ThreadsShareADevice()
    {
        ConcurrentBag<string> wrong = [];
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(t => new Thread(() =>
        {
            for (int i = 0; i < 10; i++)
            {
                using StepScope step = StepScope.Begin();
                Tensor x = Tensor.From<float>([t, i], [2], device);
                if ((x + x).ToArray() is not [float a, float b] || a != 2 * t || b != 2 * i)
                {
                    wrong.Add($"thread {t}, {i}");
                }
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Empty(wrong);
    }

    [Fact]
    public void ARecordingIsRepeatedWithOtherInputs()
    {
        Tensor x = Tensor.From<float>([1, 2, 3], [3], device);
        _ = (x + x) * x; // compiles
        Tensor? y = null;
        long before = device.Launches;
        using (CudaGraph graph = device.Capture(() =>
        {
            using StepScope inner = StepScope.Begin();
            y = inner.Keep((x + x) * x);
        }))
        {
            Assert.Equal((before, 2), (device.Launches, graph.Launches));
            for (int i = 1; i < 4; i++)
            {
                x.Set<float>([i, 10, 0]);
                graph.Launch();
                Tensor other = Tensor.From<float>([7, 7, 7], [3], device); // must not lie in the recording's memory
                Assert.Equal([2 * i * i, 200, 0], y!.ToArray());
                Assert.Equal([7, 7, 7], other.ToArray());
            }

            Assert.Equal(before + 6, device.Launches);
        }
    }

    [Fact]
    public void ARecordingThatUploadsIsRefusedAndLeavesTheDeviceUsable()
    {
        Tensor x = Tensor.From<float>([1, 2, 3], [3], device);
        _ = x + x;
        Assert.Contains("cannot upload", Assert.Throws<InvalidOperationException>(() => device.Capture(() => _ = x + Tensor.From<float>([1, 2, 3], [3], device))).Message);
        Assert.Contains("cannot download", Assert.Throws<InvalidOperationException>(() => device.Capture(() => x.ToArray())).Message);
        Assert.Equal([2, 4, 6], (x + x).ToArray());
    }

    private static string KernelIn(string file) => KernelText.KernelsOf(file).Keys.First();
}
