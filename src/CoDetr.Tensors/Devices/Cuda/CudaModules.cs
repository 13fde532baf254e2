namespace CoDetr.Tensors;

/// <summary>The kernel texts as one card runs them: compiled and loaded on first use, one module for each file, storage type and set of options.</summary>
internal sealed unsafe class CudaModules(CudaCard card, CudaFaults faults)
{
    private readonly Dictionary<(Kernel Kernel, DType Real), CudaFunction> kernels = [];
    private readonly Dictionary<nint, CudaFunction> byHandle = [];
    private readonly Dictionary<string, nint> modules = [];

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
            modules[key] = module = Load(file, real, options);
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

    private nint Load(string file, DType real, string[] options)
    {
        CompiledText compiled = KernelCompiler.Compile(file, $"compute_{card.Capability}", real, options);
        fixed (byte* image = compiled.Image)
        {
            faults.Check(CudaDriver.LoadModule(out nint module, image, 0, null, null), $"cuModuleLoadDataEx({file})");
            return module;
        }
    }
}
