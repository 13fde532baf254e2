using CoDetr.Tensors;
using CoDetr.Tests.Devices;
using CoDetr.Training;

namespace CoDetr.Tests.Cli;

/// <summary>A GPU's troubles as a user of the program meets them: one clear line each.</summary>
[Collection(Alone.Name)]
public sealed class DeviceFaultTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("codetr-faults").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void NoDriver() => Train(("CODETR_CUDA_DRIVER", Path.Combine(folder, "libcuda.so.1")))
        .FailsWith(1, "There is no CUDA driver", "libcuda.so.1: not there", "--device cpu");

    [Fact]
    public void ADriverThatIsNoLibrary()
    {
        string path = Path.Combine(folder, "libcuda.so.1");
        File.WriteAllText(path, "not a library");
        Train(("CODETR_CUDA_DRIVER", path)).FailsWith(1, "There is no CUDA driver", "libcuda.so.1: file too short");
    }

    [Fact]
    public void ADriverOlderThanEveryEntryPoint() => OnSoftGpu(("SOFTGPU_DRIVER", "11020")).FailsWith(1, "for CUDA 11.2; 11.4 or newer", "Update NVIDIA's driver");

    [Fact]
    public void ADriverTooOldForThePtx() => OnSoftGpu(("SOFTGPU_DRIVER", "11040"))
        .FailsWith(1, "driver is for CUDA 11.4", $"NVRTC {Nvrtc.VersionText}", "Update NVIDIA's driver");

    [Fact]
    public void ADriverThatDoesNotStart() => OnSoftGpu(("SOFTGPU_FAIL", "cuInit:803")).FailsWith(1, "cuInit failed: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "codetr devices");

    [Fact]
    public void ACardTooOld()
    {
        CudaCard card = new(0, 0, "GTX 1080", 61, 20, 49152, 8L << 30);
        Assert.Equal("GTX 1080 has compute capability 6.1; 7.5 or newer is needed. Use --device cpu.", DeviceChoice.WhyNot(card));
    }

    [Fact]
    public void NoSuchCard() => OnSoftGpu(("CODETR_DEVICE", "cuda:3"), ("--device", "")).FailsWith(1, "There is no cuda:3: the driver shows 1 GPU.");

    [Fact]
    public void NoNvrtc() => OnSoftGpu(("CODETR_NVRTC", Path.Combine(folder, "libnvrtc.so.12"))).FailsWith(1, "NVRTC", "was not found", "CODETR_NVRTC", "not there");

    [Fact]
    public void BuiltinsOfAnotherVersion()
    {
        File.WriteAllText(Path.Combine(folder, $"libnvrtc-builtins.so.{Nvrtc.VersionText}"), "another"); // found before the right one
        OnSoftGpu(("LD_LIBRARY_PATH", folder), ("CODETR_CACHE", "0")).FailsWith(1, "does not find its own builtins", $"libnvrtc-builtins of version {Nvrtc.VersionText}");
    }

    [Fact]
    public void OutOfMemory() => OnSoftGpu(("SOFTGPU_MEMORY", "1000000")).FailsWith(1, "No memory for", "tensors hold", "Most is held by", "smaller batch");

    [Fact]
    public void DeviceLost() => OnSoftGpu(("SOFTGPU_FAIL", "cuLaunchKernel:700:20")).FailsWith(1, "CUDA_ERROR_ILLEGAL_ADDRESS. Last launches: ", "The device is lost");

    [Fact]
    public void AWrongSettingOfTheDevice()
    {
        OnSoftGpu(("CODETR_DEVICE", "gpu"), ("--device", "")).FailsWith(1, "CODETR_DEVICE must be cpu, cuda or cuda:N, not 'gpu'");
        CliRun.Of("train", "--data", "x", "--device", "gpu").FailsWith(2, "--device must be cpu, cuda or cuda:N, got 'gpu'");
    }

    [Fact]
    public void ACacheThatCannotBeWrittenIsNoError()
    {
        Requires.SoftGpu();
        string file = Path.Combine(folder, "file");
        File.WriteAllText(file, "");
        CliRun run = CliRun.Child(Environment(("CODETR_CACHE", Path.Combine(file, "below"))), "devices", "--device", "cuda");
        Assert.Equal(0, run.Code);
        Assert.Contains("a kernel ran and gave the right numbers", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void ALostDeviceEndsATrainingWithItsLastCheckpointIntact()
    {
        Requires.SoftGpu();
        string run = Path.Combine(folder, "run");
        string data = Path.Combine(Repository.Root, "data", "digits-tiny");
        CliRun trained = CliRun.Child(
            Environment(("SOFTGPU_FAIL", "cuLaunchKernel:700:2500"), ("SOFTGPU_CHECKS", "0")), // in the third step
            ["train", "--data", data, "--model", "deformable-detr-tiny", "--batch", "1", "--save-every", "1", "--out", run, "--device", "cuda"]);
        trained.FailsWith(1, "CUDA_ERROR_ILLEGAL_ADDRESS", "The device is lost");
        using Checkpoint saved = Checkpoint.Open(new RunFolder(run).Checkpoint);
        Assert.True(saved.Info.Progress.Step > 0);
    }

    [Fact]
    public void NoCacheKeepsNothing()
    {
        Requires.SoftGpu();
        CliRun run = CliRun.Child(Environment(("CODETR_CACHE", folder)), "devices", "--device", "cuda", "--no-cache");
        Assert.Matches("compiled kernels +are not kept", run.Output);
        Assert.Empty(Directory.EnumerateFiles(folder));
    }

    [Fact]
    public void DevicesShowsEveryCard()
    {
        Requires.SoftGpu();
        CliRun run = CliRun.Child(Environment(("SOFTGPU_DEVICES", "2"), ("SOFTGPU_CAPABILITY", "90")), "devices");
        Assert.Equal(0, run.Code);
        Assert.Matches("used +cuda:0 ", run.Output); // the GPU is the default where all is there
        Assert.Matches("checked +a kernel ran and gave the right numbers", run.Output);
        Assert.Matches("cuda:1 .*capability 9.0, 2 multiprocessors, 4.0 GiB: can be used, kernels for sm_90", run.Output);
        Assert.Contains("never on a real card", run.Output, StringComparison.Ordinal);
        Assert.Matches("used +cpu ", CliRun.Child(Environment(("CODETR_NVRTC", folder)), "devices").Output); // and the CPU where something is missing
    }

    private static Dictionary<string, string?> Environment(params (string Name, string Value)[] settings)
    {
        Dictionary<string, string?> all = new() { ["CODETR_CUDA_DRIVER"] = SoftGpuDriver.Path, ["CODETR_DEVICE"] = null };
        foreach ((string name, string value) in settings)
        {
            all[name] = value;
        }

        return all;
    }

    private CliRun OnSoftGpu(params (string Name, string Value)[] settings)
    {
        Requires.SoftGpu();
        return Train(settings);
    }

    /// <summary>A training on the GPU; with <c>--device</c> set to nothing, the environment chooses.</summary>
    private CliRun Train(params (string Name, string Value)[] settings)
    {
        string[] device = settings.Any(setting => setting.Name == "--device") ? [] : ["--device", "cuda"];
        return CliRun.Child(
            Environment([.. settings.Where(setting => setting.Name != "--device")]),
            ["demo", "--data", Path.Combine(Repository.Root, "data", "digits-tiny"), "--out", Path.Combine(folder, "run"), .. device]);
    }
}
