using System.Text;

namespace CoDetr.Tensors;

/// <summary>A kernel text as the GPU's compiler made it.</summary>
/// <param name="Cubin">The code of an <c>sm_XY</c>; empty if it was compiled for a <c>compute_XY</c>.</param>
/// <param name="Ptx">The same for any driver: it compiles this itself.</param>
/// <param name="Log">What the compiler said: warnings, and registers, spills and stack of each kernel.</param>
internal sealed record CompiledText(byte[] Cubin, byte[] Ptx, string Log)
{
    /// <summary>The best of the two.</summary>
    internal byte[] Image => Cubin.Length > 0 ? Cubin : Ptx;
}

/// <summary>Compiles kernel texts with NVRTC. Needs the library alone: neither a driver nor a GPU nor a toolkit.</summary>
internal static class KernelCompiler
{
    private const int BuiltinsFailure = 7;

    /// <summary>The headers that any kernel text may include.</summary>
    internal static Lazy<(string[] Names, string[] Texts)> Headers { get; } = new(() =>
    {
        string[] names = [.. KernelText.Names.Where(name => name.EndsWith(".h", StringComparison.Ordinal))];
        return (names, [.. names.Select(KernelText.Read)]);
    });

    /// <summary>What is told to NVRTC.</summary>
    /// <param name="architecture">For example <c>sm_90</c>.</param>
    /// <param name="real">The storage type: F32, F64, F16 or BF16.</param>
    /// <param name="extraOptions">For example <c>-DTILE=64</c>.</param>
    internal static string[] Options(string architecture, DType real, params IReadOnlyList<string> extraOptions) =>
    [
        $"--gpu-architecture={architecture}", "--std=c++17", "-default-device", "--ptxas-options=-v",
        "--diag-suppress=177", // a function that this storage type does not call
        .. architecture == "sm_90" ? Array.Empty<string>() : ["-lineinfo"], // NVRTC 11.8's assembler crashes of some inlined lines, for sm_90 only
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

    /// <summary>Compiles one of the assembly's own texts, for example <c>layer_norm.cu</c>.</summary>
    internal static CompiledText Compile(string file, string architecture, DType real) =>
        Compile(file, KernelText.Read(file), Options(architecture, real));

    internal static CompiledText Compile(string file, string text, string[] options)
    {
        Nvrtc.ThrowIfMissing();
        (string[] names, string[] texts) = Headers.Value;
        Check(Nvrtc.CreateProgram(out nint program, text, file, names.Length, texts, names), file);
        try
        {
            int result = Nvrtc.CompileProgram(program, options.Length, options);
            string log = Encoding.UTF8.GetString(Read(program, file, Nvrtc.GetLogSize, Nvrtc.GetLog)).TrimEnd('\0', '\n', ' ');
            if (result != 0)
            {
                throw new DeviceException(Refusal(result, file, options[0], log));
            }

            bool hasCubin = options[0].Contains("=sm_", StringComparison.Ordinal);
            return new CompiledText(
                hasCubin ? Read(program, file, Nvrtc.GetCubinSize, Nvrtc.GetCubin) : [], Read(program, file, Nvrtc.GetPtxSize, Nvrtc.GetPtx), log);
        }
        finally
        {
            _ = Nvrtc.DestroyProgram(ref program);
        }
    }

    private static byte[] Read(nint program, string file, SizeOf size, BytesOf get)
    {
        Check(size(program, out nuint bytes), file);
        byte[] found = new byte[bytes];
        Check(get(program, found), file);
        return found;
    }

    private static string Refusal(int result, string file, string architecture, string log)
    {
        if (result == BuiltinsFailure || log.Contains("nvrtc-builtins", StringComparison.Ordinal))
        {
            return $"NVRTC {Nvrtc.Path} does not find its own builtins ({log.ReplaceLineEndings(" ")}). It needs libnvrtc-builtins of version " +
                $"{Nvrtc.VersionText} in the same folder; looked for: {string.Join("; ", Nvrtc.Tried)}.";
        }

        string first = log.Split('\n').FirstOrDefault(line => line.Contains("error", StringComparison.Ordinal)) ?? Nvrtc.Words(result);
        return $"{file} did not compile ({architecture.Split('=')[1]}, NVRTC {Nvrtc.VersionText}): {first}{(log.Contains('\n') ? Environment.NewLine + log : "")}";
    }

    private static void Check(int result, string file)
    {
        if (result != 0)
        {
            throw new DeviceException($"{file}: {Nvrtc.Words(result)} ({Nvrtc.Path}).");
        }
    }

    private delegate int SizeOf(nint program, out nuint bytes);

    private delegate int BytesOf(nint program, Span<byte> bytes);
}
