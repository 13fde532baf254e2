using System.Text;

namespace CoDetr.Tensors;

/// <summary>The kernel texts as one card runs them: compiled and loaded on first use, one module for each file, storage type and set of options.</summary>
internal sealed unsafe class CudaModules(CudaCard card, CudaFaults faults, KernelLibrary library, bool compilesAhead)
{
    private const int InvalidImage = 200;
    private const int NoBinaryForCard = 209;
    private const int UnsupportedPtx = 222;
    private const int ErrorLog = 5;
    private const int ErrorLogBytes = 6;

    private readonly Dictionary<(Kernel Kernel, DType Real), CudaFunction> kernels = [];
    private readonly Dictionary<nint, CudaFunction> byHandle = [];
    private readonly Dictionary<string, nint> modules = [];
    private readonly HashSet<DType> used = [];
    private readonly string architecture = KernelLibrary.ArchitectureOf(card.Capability);

    /// <summary>A kernel of the dialect.</summary>
    internal CudaFunction Of(Kernel kernel, DType real)
    {
        if (!kernels.TryGetValue((kernel, real), out CudaFunction? function))
        {
            kernels[(kernel, real)] = function = Of(kernel.File, kernel.Name, real, []);
        }

        return function;
    }

    /// <summary>Any kernel of a file.</summary>
    internal CudaFunction Of(string file, string kernel, DType real, string[] options)
    {
        string key = $"{file} {real} {string.Join(' ', options)}";
        if (!modules.TryGetValue(key, out nint module))
        {
            if (compilesAhead && used.Add(real))
            {
                library.CompileAhead(architecture, real);
            }

            modules[key] = module = Load(file, library.Get(file, architecture, real, options));
        }

        faults.Check(CudaDriver.GetFunction(out nint handle, module, kernel), $"cuModuleGetFunction({kernel})");
        if (!byHandle.TryGetValue(handle, out CudaFunction? function))
        {
            byHandle[handle] = function = new CudaFunction(card, faults, handle, kernel);
        }

        return function;
    }

    internal CudaFunction Of(nint handle) => byHandle[handle];

    internal void Unload()
    {
        foreach (nint module in modules.Values)
        {
            _ = CudaDriver.UnloadModule(module);
        }

        modules.Clear();
    }

    /// <summary>The cubin; where the driver refuses it, the PTX of the same compilation.</summary>
    private nint Load(string file, CompiledText text)
    {
        nint module = 0;
        string log = "";
        int result = text.Cubin.Length > 0 ? Load(text.Cubin, out module, out log) : NoBinaryForCard;
        if (result is NoBinaryForCard or InvalidImage or UnsupportedPtx)
        {
            result = Load(text.Ptx, out module, out log);
        }

        if (result == UnsupportedPtx)
        {
            _ = CudaDriver.GetVersion(out int version);
            throw new DeviceException(
                $"The CUDA driver is for CUDA {version / 1000}.{version % 1000 / 10} and does not know what NVRTC {Nvrtc.VersionText} ({Nvrtc.Path}) writes. " +
                "Update NVIDIA's driver, or set CODETR_NVRTC to an NVRTC of the driver's version.");
        }

        faults.Check(result, $"cuModuleLoadDataEx({file}){(log.Length > 0 ? $" ({log})" : "")}");
        return module;
    }

    private static int Load(byte[] image, out nint module, out string log)
    {
        const int LogBytes = 4096;
        byte* said = stackalloc byte[LogBytes];
        said[0] = 0;
        int* names = stackalloc int[] { ErrorLog, ErrorLogBytes };
        void** values = stackalloc void*[] { said, (void*)LogBytes };
        fixed (byte* first = image)
        {
            int result = CudaDriver.LoadModule(out module, first, 2, names, values);
            ReadOnlySpan<byte> words = new(said, LogBytes);
            log = Encoding.UTF8.GetString(words[..Math.Max(words.IndexOf((byte)0), 0)]).ReplaceLineEndings(" ").Trim();
            return result;
        }
    }
}
