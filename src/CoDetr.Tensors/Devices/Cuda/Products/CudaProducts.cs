using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>Matrix products on a CUDA device, by the kernels of <c>kernels/cuda/</c>; convolutions that are one, and the way to those that are not.</summary>
internal sealed class CudaProducts(CudaDevice device) : IDisposable
{
    private const int FinishThreads = 256;
    private const int FinishBlocks = 8; // for each multiprocessor

    private static readonly ProductKernel Finish = new("cuda/gemm.cu", "gemm_finish", ProductTile.Small);

    private static readonly ProductKernel[] Kernels =
    [
        new("cuda/gemm.cu", "gemm_128x128", ProductTile.Large),
        new("cuda/gemm.cu", "gemm_64x64", ProductTile.Small),
        new("cuda/gemm.cu", "gemm_128x32", ProductTile.Narrow),
    ];

    private readonly Dictionary<(string Kernel, DType Real), nint> functions = [];

    private CublasLtProducts? cublas;
    private CudnnConvolutions? cudnn;

    /// <summary>Whether NVIDIA's libraries are asked first. Off until a report under <c>docs/gpu/</c> shows them right on a card.</summary>
    internal bool AsksLibraries { get; set; } = Environment.GetEnvironmentVariable("CODETR_LIBRARIES") == "1";

    /// <summary>What the libraries have done.</summary>
    internal long LibraryCalls => (cublas?.Calls ?? 0) + (cudnn?.Calls ?? 0);

    internal void Gemm(GemmProblem problem)
    {
        // A batch of matrices one below the other, times one shared matrix, is one product.
        bool isStacked = problem.StrideB == 0 && problem.TransA == 0
            && problem.StrideA == problem.M * problem.LdA && problem.StrideC == problem.M * problem.LdC;
        if (isStacked && problem.M * problem.Batch <= int.MaxValue)
        {
            (problem.M, problem.Batch) = (problem.M * problem.Batch, 1);
        }

        if (!AsksLibraries || !TryByLibrary(problem))
        {
            Run(Kernels, Storage(problem.TypeA, problem.TypeB, problem.TypeC), Arguments(problem));
        }
    }

    internal void Convolve(ConvolutionPass pass, in ConvolutionProblem problem)
    {
        if (ConvolutionProducts.Product(pass, problem) is GemmProblem product)
        {
            Gemm(product);
            return;
        }

        if (AsksLibraries && TryByLibrary(pass, problem))
        {
            return;
        }

        DType real = Storage(problem.TypeX, problem.TypeW, problem.TypeY);
        foreach (ConvolutionArguments arguments in ConvolutionProducts.Of(pass, problem))
        {
            Run(ConvolutionProducts.Kernels(pass), real, arguments);
        }
    }

    public void Dispose()
    {
        cublas?.Dispose();
        cudnn?.Dispose();
    }

    internal static int IsSingle(DType type) => type == DType.F32 ? 1 : 0;

    /// <summary>Whether chunks of an operand lie at whole multiples of 16 bytes.</summary>
    internal static int IsWhole(nint data, DType type, params ReadOnlySpan<long> steps) => IsMultiple(data, 16, type.Size, steps) ? 1 : 0;

    /// <summary>Whether fours of c and of the residual lie at whole multiples of their size.</summary>
    internal static int IsWhole(nint c, nint residual, DType type, params ReadOnlySpan<long> steps) =>
        IsMultiple(c, 4 * type.Size, type.Size, steps) && residual % (4 * type.Size) == 0 ? 1 : 0;

    private static bool IsMultiple(nint data, int unit, int size, ReadOnlySpan<long> steps)
    {
        bool all = data % unit == 0;
        foreach (long step in steps)
        {
            all &= step * size % unit == 0;
        }

        return all;
    }

    /// <summary>The storage type of the kernel: that of the operands which are not f32.</summary>
    private static DType Storage(DType first, DType second, DType third)
    {
        DType real = first != DType.F32 ? first : second != DType.F32 ? second : third;
        bool fits = real is DType.F32 or DType.F16 or DType.BF16;
        foreach (DType type in (ReadOnlySpan<DType>)[first, second, third])
        {
            fits &= type == real || type == DType.F32;
        }

        return fits ? real : throw new NotSupportedException($"A GPU multiplies f32 and one of f16 and bf16, not {first}, {second} and {third}.");
    }

    private static ProductArguments Arguments(in GemmProblem problem) => new()
    {
        A = problem.A,
        B = problem.B,
        C = problem.C,
        Scale = problem.Scale,
        Bias = problem.Bias,
        Residual = problem.Residual,
        LdA = problem.LdA,
        LdB = problem.LdB,
        LdC = problem.LdC,
        StepA = problem.StrideA,
        StepB = problem.StrideB,
        StepC = problem.StrideC,
        M = checked((int)problem.M),
        N = checked((int)problem.N),
        K = checked((int)problem.K),
        Batch = checked((int)problem.Batch),
        IsKMajorA = problem.TransA,
        IsKMajorB = 1 - problem.TransB,
        IsSingleA = IsSingle(problem.TypeA),
        IsSingleB = IsSingle(problem.TypeB),
        IsSingleC = IsSingle(problem.TypeC),
        IsWholeA = IsWhole(problem.A, problem.TypeA, problem.LdA, problem.StrideA),
        IsWholeB = IsWhole(problem.B, problem.TypeB, problem.LdB, problem.StrideB),
        IsWholeC = IsWhole(problem.C, problem.Residual, problem.TypeC, problem.LdC, problem.StrideC),
        Activation = problem.Activation,
        Accumulate = problem.Accumulate,
        Alpha = problem.Alpha,
    };

    /// <summary>The library multiplies; where more than that is asked for, into memory of its own, and our finishing kernel does the rest.</summary>
    private bool TryByLibrary(in GemmProblem problem)
    {
        cublas ??= new CublasLtProducts(device);
        if (problem is { Scale: 0, Bias: 0, Residual: 0, Activation: Activation.None })
        {
            return cublas.TryMultiply(problem);
        }

        long elements = problem.Batch * problem.M * problem.N;
        Storage sums = device.Allocate(Math.Max(elements, 1) * sizeof(float));
        bool isDone = cublas.TryMultiply(problem with
        {
            C = sums.Pointer,
            TypeC = DType.F32,
            LdC = problem.N,
            StrideC = problem.M * problem.N,
            Alpha = 1,
            Accumulate = 0,
        });
        if (isDone)
        {
            FinishSums(Storage(problem.TypeA, problem.TypeB, problem.TypeC), Arguments(problem) with { Partial = sums.Pointer, Splits = 1 });
        }

        sums.Free(); // in stream order
        return isDone;
    }

    /// <summary>As for products: what follows a convolution is done as if that were a product of all its pixels.</summary>
    private bool TryByLibrary(ConvolutionPass pass, in ConvolutionProblem problem)
    {
        cudnn ??= new CudnnConvolutions(device);
        if (pass != ConvolutionPass.Forward || problem is { Scale: 0, Bias: 0, Residual: 0, Activation: Activation.None })
        {
            return cudnn.TryConvolve(pass, problem);
        }

        GemmProblem pixels = new()
        {
            C = problem.Y,
            TypeC = problem.TypeY,
            M = problem.Batch * problem.OutHeight * problem.OutWidth,
            N = problem.OutChannels,
            LdC = problem.OutChannels,
            Batch = 1,
            Alpha = 1,
            Scale = problem.Scale,
            Bias = problem.Bias,
            Residual = problem.Residual,
            Activation = problem.Activation,
            Accumulate = problem.Accumulate,
        };
        if (problem.TypeY != DType.F32)
        {
            return false; // its sums would be rounded before the end
        }

        Storage sums = device.Allocate(Math.Max(pixels.M * pixels.N, 1) * sizeof(float));
        bool isDone = cudnn.TryConvolve(pass, problem with { Y = sums.Pointer, Accumulate = 0 });
        if (isDone)
        {
            FinishSums(DType.F32, Arguments(pixels) with { Partial = sums.Pointer, Splits = 1 });
        }

        sums.Free();
        return isDone;
    }

    /// <param name="kernels">Those that do it, for different tiles.</param>
    /// <param name="real">The storage type.</param>
    /// <param name="arguments">The kernel's; the first field is the product.</param>
    private void Run<T>(ProductKernel[] kernels, DType real, T arguments)
        where T : unmanaged
    {
        ref ProductArguments product = ref Unsafe.As<T, ProductArguments>(ref arguments);
        long elements = (long)product.Batch * product.M * product.N;
        if (elements == 0)
        {
            return;
        }

        ProductPlan plan = ProductPlan.For(product.M, product.N, product.K, product.Batch, device.Card.Multiprocessors, kernels);
        (product.Splits, product.Depth) = (plan.Splits, plan.Depth);
        Storage? partial = plan.Splits > 1 ? device.Allocate(plan.Splits * elements * sizeof(float)) : null;
        product.Partial = partial?.Pointer ?? 0;
        int blocks = checked((int)plan.Blocks(product.M, product.N, product.Batch));
        Launch(plan.Kernel, real, blocks, plan.Kernel.Tile.Threads, ref arguments);
        if (partial is not null)
        {
            FinishSums(real, product);
            partial.Free(); // in stream order
        }
    }

    private void FinishSums(DType real, ProductArguments product)
    {
        long fours = (long)product.Batch * product.M * ((product.N + 3) / 4);
        int blocks = (int)Math.Min((fours / FinishThreads) + 1, (long)device.Card.Multiprocessors * FinishBlocks);
        Launch(Finish, real, blocks, FinishThreads, ref product);
    }

    private void Launch<T>(ProductKernel kernel, DType real, int blocks, int threads, ref T arguments)
        where T : unmanaged
    {
        ref nint function = ref CollectionsMarshal.GetValueRefOrAddDefault(functions, (kernel.Name, real), out bool isThere);
        if (!isThere)
        {
            function = device.Function(kernel.File, kernel.Name, real);
        }

        device.Launch(function, new Dim3(blocks), new Dim3(threads), 0, MemoryMarshal.Cast<T, long>(new ReadOnlySpan<T>(in arguments)));
    }
}
