namespace CoDetr.Tensors;

/// <summary>Convolutions by cuDNN, on request: channels-last, one storage type, sums in f32, and the algorithms that give the same bits every time.</summary>
internal sealed class CudnnConvolutions : IDisposable
{
    private readonly CudaDevice device;
    private readonly nint handle;
    private readonly Dictionary<(ConvolutionPass Pass, ConvolutionProblem Shape), Plan?> plans = [];
    private bool hasSaidWhy;

    internal CudnnConvolutions(CudaDevice device)
    {
        this.device = device;
        if (!Cudnn.IsAvailable)
        {
            Say($"cuDNN was not found ({string.Join("; ", Cudnn.Tried)})");
        }
        else if ((Cudnn.Create(out handle) is int made and not Cudnn.Success ? made : Cudnn.SetStream(handle, device.Stream)) is int result and not Cudnn.Success)
        {
            Say($"cudnnCreate answers {result}");
        }
    }

    /// <summary>Convolutions that the library did.</summary>
    internal long Calls { get; private set; }

    /// <summary>The convolution or the gradient (added to what is there, if asked for), nothing else of the problem; or false, and nothing is done.</summary>
    internal bool TryConvolve(ConvolutionPass pass, in ConvolutionProblem p)
    {
        if (handle == 0 || p.TypeX != p.TypeW || p.TypeX != p.TypeY || p.Batch == 0)
        {
            return false;
        }

        ConvolutionProblem shape = p with { X = 0, W = 0, Y = 0, Scale = 0, Bias = 0, Residual = 0, Activation = Activation.None, Accumulate = 0 };
        if (!plans.TryGetValue((pass, shape), out Plan? plan))
        {
            plans[(pass, shape)] = plan = Find(pass, shape);
        }

        if (plan is null)
        {
            return false;
        }

        const float Alpha = 1;
        float beta = p.Accumulate;
        Storage? storage = plan.WorkspaceBytes > 0 ? device.Allocate((long)plan.WorkspaceBytes) : null;
        nint workspace = storage?.Pointer ?? 0;
        int result = pass switch
        {
            ConvolutionPass.Forward => Cudnn.Forward(
                handle, Alpha, plan.X, p.X, plan.W, p.W, plan.Convolution, Cudnn.Algorithm, workspace, plan.WorkspaceBytes, beta, plan.Y, p.Y),
            ConvolutionPass.BackwardData => Cudnn.BackwardData(
                handle, Alpha, plan.W, p.W, plan.Y, p.Y, plan.Convolution, Cudnn.Algorithm, workspace, plan.WorkspaceBytes, beta, plan.X, p.X),
            _ => Cudnn.BackwardFilter(
                handle, Alpha, plan.X, p.X, plan.Y, p.Y, plan.Convolution, Cudnn.Algorithm, workspace, plan.WorkspaceBytes, beta, plan.W, p.W),
        };
        storage?.Free(); // in stream order
        if (result != Cudnn.Success)
        {
            plans[(pass, shape)] = null;
            Say($"cuDNN's convolution ({pass}) answers {result}");
            return false;
        }

        Calls++;
        device.NoteLibraryCall($"cudnnConvolution{pass}");
        return true;
    }

    public void Dispose()
    {
        foreach (Plan? plan in plans.Values)
        {
            plan?.Destroy();
        }

        _ = handle == 0 ? 0 : Cudnn.Destroy(handle);
    }

    private Plan? Find(ConvolutionPass pass, in ConvolutionProblem p)
    {
        Cudnn.Data type = p.TypeX switch
        {
            DType.F16 => Cudnn.Data.F16,
            DType.BF16 => Cudnn.Data.BF16,
            _ => Cudnn.Data.F32,
        };
        int result = Cudnn.CreateMap(out nint x) | Cudnn.CreateMap(out nint y) | Cudnn.CreateFilter(out nint w) | Cudnn.CreateConvolution(out nint convolution);
        result |= Cudnn.SetMap(x, Cudnn.ChannelsLast, type, (int)p.Batch, (int)p.Channels, (int)p.Height, (int)p.Width);
        result |= Cudnn.SetMap(y, Cudnn.ChannelsLast, type, (int)p.Batch, (int)p.OutChannels, (int)p.OutHeight, (int)p.OutWidth);
        result |= Cudnn.SetFilter(
            w, type, Cudnn.ChannelsLast, (int)p.OutChannels, (int)(p.Channels / p.Groups), (int)p.KernelHeight, (int)p.KernelWidth);
        result |= Cudnn.SetConvolution(
            convolution, (int)p.PadHeight, (int)p.PadWidth, (int)p.StrideHeight, (int)p.StrideWidth, (int)p.DilationHeight, (int)p.DilationWidth,
            Cudnn.CrossCorrelation, Cudnn.Data.F32);
        result |= Cudnn.SetGroups(convolution, (int)p.Groups);
        result |= Cudnn.SetMath(convolution, type == Cudnn.Data.F32 ? Cudnn.FusedMath : Cudnn.TensorMath);
        nuint bytes = 0;
        if (result == Cudnn.Success)
        {
            result = pass switch
            {
                ConvolutionPass.Forward => Cudnn.ForwardWorkspace(handle, x, w, convolution, y, Cudnn.Algorithm, out bytes),
                ConvolutionPass.BackwardData => Cudnn.BackwardDataWorkspace(handle, w, y, convolution, x, Cudnn.Algorithm, out bytes),
                _ => Cudnn.BackwardFilterWorkspace(handle, x, y, convolution, w, Cudnn.Algorithm, out bytes),
            };
        }

        Plan plan = new(x, y, w, convolution, bytes);
        if (result == Cudnn.Success)
        {
            return plan;
        }

        Say($"cuDNN refuses a convolution ({pass}, {p.Height}×{p.Width}×{p.Channels} to {p.OutChannels}): it answers {result}");
        plan.Destroy();
        return null;
    }

    private void Say(string why)
    {
        if (!hasSaidWhy)
        {
            hasSaidWhy = true;
            Console.Error.WriteLine($"{why}: the engine's own kernels convolve instead.");
        }
    }

    private sealed record Plan(nint X, nint Y, nint W, nint Convolution, nuint WorkspaceBytes)
    {
        internal void Destroy()
        {
            _ = Cudnn.DestroyMap(X);
            _ = Cudnn.DestroyMap(Y);
            _ = Cudnn.DestroyFilter(W);
            _ = Cudnn.DestroyConvolution(Convolution);
        }
    }
}
