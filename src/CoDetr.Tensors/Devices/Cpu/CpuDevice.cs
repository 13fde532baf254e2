using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>The CPU: kernels from the host library, run by a pool of workers; products and convolutions from <c>kernels/cpu/</c>.</summary>
public sealed unsafe class CpuDevice : Device, IDisposable
{
    private const int SharesOfWorker = 2; // so that a late worker leaves something to take
    private const int ProductsOfOperation = 16; // a product of the register-tiled kernels costs this much less than a kernel's operation
    private static nint gemm;
    private static readonly nint[] Convolutions = new nint[3];

    private readonly WorkerPool pool;
    private readonly StoragePool storages = new();
    private readonly nint[] scratch;
    private readonly Lock order = new(); // launches of several threads run one after another, like a stream's
    private long scratchBytes;
    private long launches;
    private long uploads;
    private long waits;

    /// <summary>Makes a device with its own workers and memory.</summary>
    /// <param name="workers">Threads that run kernels, the caller among them; all cores if not given.</param>
    public CpuDevice(int? workers = null)
    {
        if (workers is < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(workers), workers, "A CPU device needs at least one worker.");
        }

        pool = new WorkerPool(workers ?? Environment.ProcessorCount);
        scratch = new nint[pool.Count];
    }

    /// <summary>Threads that run kernels.</summary>
    public int Workers => pool.Count;

    /// <inheritdoc/>
    public override string Description => $"cpu ({Workers} workers, {HostKernels.Level})";

    /// <inheritdoc/>
    public override long LiveBytes => storages.LiveBytes;

    /// <inheritdoc/>
    public override long PeakBytes => storages.PeakBytes;

    /// <inheritdoc/>
    public override long LiveCount => storages.LiveCount;

    /// <inheritdoc/>
    public override long Launches => launches;

    /// <inheritdoc/>
    public override long Uploads => uploads;

    /// <inheritdoc/>
    public override long Waits => waits;

    /// <summary>Below this many operations a launch stays on the calling thread: waking a worker costs more. Tests set 0.</summary>
    internal long SpreadFrom { get; set; } = 16384;

    /// <summary>Fills new storages with NaN: a kernel that reads before it writes is seen. For tests.</summary>
    internal bool Poison
    {
        get => storages.Poison;
        set => storages.Poison = value;
    }

    /// <inheritdoc/>
    public override void ResetPeak() => storages.ResetPeak();

    /// <inheritdoc/>
    public override bool Stores(DType dtype) => dtype is DType.F32 or DType.F64;

    /// <inheritdoc/>
    public override void Synchronize() => waits++;

    /// <inheritdoc/>
    public override void Launch(Kernel kernel, Work work, params ReadOnlySpan<KernelArg> args)
    {
        long* values = stackalloc long[args.Length];
        void** pointers = stackalloc void*[args.Length];
        DType real = kernel.Bind(this, args, new Span<long>(values, args.Length));
        if (!Stores(real))
        {
            throw new NotSupportedException($"{kernel.Name}: the CPU device stores f32 (and f64 in tests), not {real}.");
        }

        if (work.Items == 0)
        {
            return;
        }

        for (int i = 0; i < args.Length; i++)
        {
            pointers[i] = &values[i];
        }

        ref nint entry = ref kernel.HostEntries[real == DType.F64 ? 1 : 0];
        if (entry == 0)
        {
            entry = HostKernels.Find("host_" + kernel.Name, real);
        }

        bool spread = work.Items > 1 && work.Items * work.Cost >= SpreadFrom;
        lock (order)
        {
            launches++;
            ReserveScratch(work.ScratchBytes);
            pool.Run(new WorkerPool.Job(entry, (nint)pointers, true, scratch, scratchBytes), spread ? (int)Math.Min(Workers * SharesOfWorker, work.Items) : 1);
        }
    }

    /// <summary>Stops the workers and frees unused memory.</summary>
    public void Dispose()
    {
        pool.Dispose();
        storages.Dispose();
        foreach (nint block in scratch)
        {
            NativeMemory.AlignedFree((void*)block);
        }
    }

    internal override Storage Allocate(long bytes)
    {
        Storage storage = new(this, storages.Take(bytes), bytes);
        StepScope.Track(storage);
        return storage;
    }

    internal override void Release(nint pointer, long bytes) => storages.Return(pointer, bytes);

    internal override void Clear(nint pointer, long bytes) => NativeMemory.Clear((void*)pointer, (nuint)bytes);

    internal override void Copy(nint from, nint to, long bytes) => NativeMemory.Copy((void*)from, (void*)to, (nuint)bytes);

    internal override void Upload(ReadOnlySpan<byte> from, nint to)
    {
        uploads++;
        from.CopyTo(new Span<byte>((void*)to, from.Length));
    }

    internal override void Download(nint from, Span<byte> to)
    {
        waits++;
        new ReadOnlySpan<byte>((void*)from, to.Length).CopyTo(to);
    }

    internal override void Gemm(in GemmProblem problem)
    {
        CheckTypes(problem.TypeA, problem.TypeB, problem.TypeC);
        if (gemm == 0)
        {
            gemm = HostKernels.Find("cpu_gemm", DType.F32);
        }

        Run(gemm, problem, problem.Batch * problem.M * problem.N * Math.Max(problem.K, 1));
    }

    internal override void Convolve(ConvolutionPass pass, in ConvolutionProblem problem)
    {
        CheckTypes(problem.TypeX, problem.TypeW, problem.TypeY);
        ref nint function = ref Convolutions[(int)pass];
        if (function == 0)
        {
            function = HostKernels.Find(
                pass switch
                {
                    ConvolutionPass.Forward => "cpu_conv_forward",
                    ConvolutionPass.BackwardData => "cpu_conv_backward_data",
                    _ => "cpu_conv_backward_weight",
                },
                DType.F32);
        }

        long products = problem.Batch * problem.OutHeight * problem.OutWidth * problem.OutChannels * problem.KernelHeight * problem.KernelWidth
            * problem.Channels / problem.Groups;
        Run(function, problem, products);
    }

    private static void CheckTypes(DType first, DType second, DType third)
    {
        if (first != DType.F32 || second != DType.F32 || third != DType.F32)
        {
            throw new NotSupportedException($"The CPU multiplies f32 only, not {first}, {second} and {third}. Use --precision f32, or a GPU.");
        }
    }

    private void Run<T>(nint function, T args, long products)
        where T : unmanaged
    {
        lock (order)
        {
            launches++;
            pool.Run(new WorkerPool.Job(function, (nint)(&args), false, scratch, 0), products >= SpreadFrom * ProductsOfOperation ? Workers : 1);
        }
    }

    private void ReserveScratch(int bytes)
    {
        if (bytes <= scratchBytes)
        {
            return;
        }

        for (int i = 0; i < scratch.Length; i++)
        {
            NativeMemory.AlignedFree((void*)scratch[i]);
            scratch[i] = (nint)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        }

        scratchBytes = bytes;
    }
}
