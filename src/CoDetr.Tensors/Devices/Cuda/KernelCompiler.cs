using System.Runtime.InteropServices;
using System.Text;

namespace CoDetr.Tensors;

/// <summary>A kernel text as the GPU's compiler made it.</summary>
/// <param name="Image">A cubin for <c>sm_XY</c>, PTX text for <c>compute_XY</c>.</param>
/// <param name="Log">What the compiler said: warnings, and registers, spills and stack of each kernel.</param>
internal sealed record CompiledText(byte[] Image, string Log);

/// <summary>Compiles kernel texts with NVRTC. Needs the library alone: neither a driver nor a GPU nor a toolkit.</summary>
internal static class KernelCompiler
{
    private static readonly Lazy<(string[] Names, string[] Texts)> Headers = new(() =>
    {
        string[] names = [.. KernelText.Names.Where(name => name.EndsWith(".h", StringComparison.Ordinal))];
        return (names, [.. names.Select(KernelText.Read)]);
    });

    /// <summary>Compiles one file.</summary>
    /// <param name="file">For example <c>layer_norm.cu</c>.</param>
    /// <param name="architecture">For example <c>sm_90</c>.</param>
    /// <param name="real">The storage type: F32, F64, F16 or BF16.</param>
    /// <param name="extraOptions">For example <c>-DTILE=64</c>.</param>
    internal static CompiledText Compile(string file, string architecture, DType real, params string[] extraOptions) =>
        Compile(file, KernelText.Read(file), architecture, real, extraOptions);

    internal static CompiledText Compile(string file, string text, string architecture, DType real, params string[] extraOptions)
    {
        string[] options =
        [
            $"--gpu-architecture={architecture}", "--std=c++17", "-default-device", "-lineinfo", "--ptxas-options=-v",
            "--diag-suppress=177", // a function that this storage type does not call
            .. real switch
            {
                DType.F32 => Array.Empty<string>(),
                DType.F64 => ["-DREAL=double", "-DREAL_IS_DOUBLE"],
                DType.F16 => ["-DREAL=f16"],
                DType.BF16 => ["-DREAL=bf16"],
                _ => throw new ArgumentOutOfRangeException(nameof(real), real, "Kernels store floating-point numbers."),
            },
            .. extraOptions,
        ];
        (string[] names, string[] texts) = Headers.Value;
        Check(Nvrtc.CreateProgram(out nint program, text, file, names.Length, texts, names), file, "");
        try
        {
            int result = Nvrtc.CompileProgram(program, options.Length, options);
            Check(Nvrtc.GetLogSize(program, out nuint bytes), file, "");
            byte[] log = new byte[bytes];
            Check(Nvrtc.GetLog(program, log), file, "");
            string said = Encoding.UTF8.GetString(log).TrimEnd('\0', '\n', ' ');
            Check(result, file, said);
            return new CompiledText(Image(program, architecture.StartsWith("sm_", StringComparison.Ordinal), file), said);
        }
        finally
        {
            _ = Nvrtc.DestroyProgram(ref program);
        }
    }

    private static byte[] Image(nint program, bool isCubin, string file)
    {
        nuint bytes;
        Check(isCubin ? Nvrtc.GetCubinSize(program, out bytes) : Nvrtc.GetPtxSize(program, out bytes), file, "");
        byte[] image = new byte[bytes];
        Check(isCubin ? Nvrtc.GetCubin(program, image) : Nvrtc.GetPtx(program, image), file, "");
        return image;
    }

    private static void Check(int result, string file, string log)
    {
        if (result != 0)
        {
            throw new InvalidOperationException($"{file}: {Marshal.PtrToStringUTF8(Nvrtc.GetErrorString(result))}{(log.Length > 0 ? Environment.NewLine + log : "")}");
        }
    }
}
