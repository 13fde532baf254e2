namespace CoDetr.Tensors;

/// <summary>A kernel by file and name. Its parameters are read from the .cu text, which is embedded in the assembly: the only declaration.</summary>
/// <param name="file">For example <c>layer_norm.cu</c>.</param>
/// <param name="name">For example <c>layer_norm_forward</c>.</param>
public sealed class Kernel(string file, string name)
{
    /// <summary>The text that declares it.</summary>
    public string File { get; } = file;

    /// <summary>Its name in that text.</summary>
    public string Name { get; } = name;

    internal KernelParameter[] Parameters { get; } = KernelText.ParametersOf(file, name);

    /// <summary>The host library's entry points, for f32 and f64 storage; filled on first use.</summary>
    internal nint[] HostEntries { get; } = new nint[2];

    /// <summary>Checks the arguments against the parameters and writes their values, eight bytes each. Returns the storage type.</summary>
    internal DType Bind(Device device, ReadOnlySpan<KernelArg> args, Span<long> values)
    {
        if (args.Length != Parameters.Length)
        {
            throw new ShapeException($"{Name}: takes {Parameters.Length} arguments, got {args.Length}.");
        }

        DType real = StorageType(args);
        for (int i = 0; i < args.Length; i++)
        {
            values[i] = Value(i, Parameters[i], args[i], real);
            if (args[i].Tensor is Tensor tensor && tensor.Device != device)
            {
                throw new ShapeException($"{Name}: argument {i} '{Parameters[i].Name}' lies on {tensor.Device.Description}, but the launch is for {device.Description}.");
            }
        }

        return real;
    }

    /// <summary>The type of the first tensor that is handed to a <c>real*</c>, else to an <c>acc*</c>.</summary>
    private DType StorageType(ReadOnlySpan<KernelArg> args)
    {
        DType found = DType.F32;
        for (int i = 0; i < args.Length; i++)
        {
            if (args[i].Tensor is Tensor tensor)
            {
                if (Parameters[i].Type == "real")
                {
                    return tensor.DType;
                }

                if (Parameters[i].Type == "acc")
                {
                    found = tensor.DType;
                }
            }
        }

        return found;
    }

    private long Value(int index, KernelParameter parameter, in KernelArg arg, DType real)
    {
        switch (arg.Kind)
        {
            case KernelArg.ArgKind.None when parameter.IsPointer:
                return 0;
            case KernelArg.ArgKind.Tensor when parameter.IsPointer && arg.Tensor!.DType == parameter.DType(real):
                return arg.Tensor.Pointer;
            case KernelArg.ArgKind.Integer or KernelArg.ArgKind.Number when !parameter.IsPointer:
                switch (parameter.Type)
                {
                    case "float":
                        return BitConverter.SingleToInt32Bits((float)arg.Number);
                    case "double":
                        return BitConverter.DoubleToInt64Bits(arg.Number);
                    case "int" when arg.Kind == KernelArg.ArgKind.Integer:
                        return checked((int)arg.Integer);
                    case "index_t" when arg.Kind == KernelArg.ArgKind.Integer:
                        return arg.Integer;
                }

                break;
        }

        string found = arg.Tensor?.ToString() ?? (arg.Kind == KernelArg.ArgKind.None ? "nothing" : arg.Kind == KernelArg.ArgKind.Integer ? "an integer" : "a number");
        throw new ShapeException($"{Name}: argument {index} '{parameter.Name}' is {parameter}, got {found}.");
    }
}
