using System.Diagnostics;
using System.Reflection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Sanitize;

/// <summary>Shows that the sanitize stage would see a kernel that writes one element too far. Runs in that stage only.</summary>
public sealed class OverrunTests
{
    private static readonly Kernel Fill = new("accumulate.cu", "accumulate_fill");

    [Fact]
    public async Task OneElementBetweenTwoTensorsIsReported()
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("CODETR_KERNELS")?.Contains("sanitize", StringComparison.Ordinal) ?? false,
            "The host library has no address checks. Type: ./check.sh sanitize");
        ProcessStartInfo start = new(Environment.ProcessPath!) { RedirectStandardError = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(Assembly.GetExecutingAssembly().Location);
        }

        foreach (string word in (string[])["-noColor", "-explicit", "only", "-method", $"{typeof(OverrunTests).FullName}.{nameof(WritesOneElementTooFar)}"])
        {
            start.ArgumentList.Add(word);
        }

        using Process child = Process.Start(start)!;
        Task<string> output = child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        string errors = await child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.NotEqual(0, child.ExitCode);
        Assert.True(errors.Contains("heap-buffer-overflow", StringComparison.Ordinal), errors + await output);
        Assert.Contains("accumulate.cu", errors);
        Assert.Matches("0 bytes (after|to the right of) 400-byte region", errors);
    }

    [Fact(Explicit = true)]
    public void WritesOneElementTooFar()
    {
        using CpuDevice device = new(workers: 1);
        Tensor before = Tensor.Zeros([100], DType.F32, device), after = Tensor.Zeros([100], DType.F32, device);
        device.Launch(Fill, Work.Elements(before.Count + 1), before, 1f, before.Count + 1);
        Assert.Equal(0, after.ToArray()[0]);
    }
}
