using CoDetr.Tensors;

namespace CoDetr.Tests.Kernels;

/// <summary>The GPU's own compiler: how it is found, and what it says of a text that is wrong.</summary>
public sealed class NvrtcTests
{
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
