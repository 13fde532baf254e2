using System.Text;
using CoDetr.Tensors;

namespace CoDetr.Tests.Kernels;

/// <summary>Every kernel text goes through the GPU's own compiler, on a machine that needs no GPU.</summary>
public sealed class NvrtcTests
{
    private static readonly string[] Architectures = ["sm_75", "sm_90"];
    private static readonly DType[] Storage = [DType.F32, DType.F64, DType.F16, DType.BF16];

    public static TheoryData<string> Texts => [.. KernelText.Names.Where(file => file.EndsWith(".cu", StringComparison.Ordinal))];

    [Theory, MemberData(nameof(Texts))]
    public void CompilesForEveryArchitectureAndStorageType(string file)
    {
        Requires.Nvrtc();
        var all = from architecture in Architectures from real in Storage select (architecture, real);
        Parallel.ForEach(all, one =>
        {
            CompiledText compiled = KernelCompiler.Compile(file, one.architecture, one.real);
            Assert.DoesNotContain("warning", compiled.Log, StringComparison.OrdinalIgnoreCase);
            string image = Encoding.Latin1.GetString(compiled.Image);
            Assert.All(KernelText.KernelsOf(file).Keys, kernel => Assert.Contains(".text." + kernel, image));
        });
    }

    [Fact]
    public void SaysWhatTheCompilerSaid()
    {
        Requires.Nvrtc();
        string message = Assert.Throws<DeviceException>(
            () => KernelCompiler.Compile("wrong.cu", "#include \"kernel.h\"\nint x = y;", KernelCompiler.Options("sm_90", DType.F32))).Message;
        Assert.StartsWith("wrong.cu did not compile (sm_90, NVRTC ", message);
        Assert.Contains("wrong.cu(2): error: identifier \"y\" is undefined", message.Split('\n')[0]);
    }

    [Fact]
    public void ListsWhatItTried()
    {
        Requires.Nvrtc();
        Assert.EndsWith(": loaded", Nvrtc.Tried[^1]);
        NativeSearch none = NativeSearch.Find("CODETR_NO_SUCH_SETTING", ["libcodetr-no-such-library.so.1"]);
        Assert.Equal(0, none.Handle);
        Assert.Contains(none.Tried, line => line.StartsWith("libcodetr-no-such-library.so.1: cannot open shared object file", StringComparison.Ordinal));
    }
}
