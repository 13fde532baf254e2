namespace CoDetr.Tensors;

/// <summary>One NVIDIA GPU: kernels compiled by NVRTC for the card at hand, launched through the driver on one stream.</summary>
public sealed unsafe class CudaDevice : Device, IDisposable
{
    [ThreadStatic]
    private static CudaDevice? current; // whose context this thread uses

    private readonly CudaFaults faults;
    private readonly CudaMemory memory;
    private readonly CudaModules modules;
    private readonly CudaTransfers transfers;
    private readonly nint context;
    private readonly nint stream;
    private readonly Lock order = new();
    private readonly bool waitsAfterLaunch = Environment.GetEnvironmentVariable("CODETR_SYNC") == "1";
    private long launches;
    private long uploads;
    private bool isCapturing;
    private bool isDisposed;

    /// <summary>Opens a GPU.</summary>
    /// <param name="index">Its place among the driver's devices.</param>
    public CudaDevice(int index = 0)
        : this(CudaCard.Open(index), compilesAhead: false)
    {
    }

    /// <summary>Opens a GPU.</summary>
    /// <param name="card">What the driver says of it.</param>
    /// <param name="compilesAhead">Whether the first use of a storage type compiles all texts for it, on all cores; else each on its first use.</param>
    internal CudaDevice(CudaCard card, bool compilesAhead)
    {
        Card = card;
        Description = $"cuda:{card.Index} ({Card.Name}, {Card.Capability / 10}.{Card.Capability % 10})";
        faults = new CudaFaults(Description, waitsAfterLaunch);
        faults.Check(CudaDriver.RetainContext(out context, Card.Handle), "cuDevicePrimaryCtxRetain");
        MakeCurrent();
        faults.Check(CudaDriver.CreateStream(out stream, CudaDriver.NonBlocking), "cuStreamCreate");
        memory = new CudaMemory(faults);
        modules = new CudaModules(Card, faults, new KernelLibrary(KernelCache.OfUser()), compilesAhead);
        transfers = new CudaTransfers(faults, stream);
        Products = new CudaProducts(this);
    }

    /// <inheritdoc/>
    public override string Description { get; }

    /// <inheritdoc/>
    public override long LiveBytes => memory.LiveBytes;

    /// <inheritdoc/>
    public override long PeakBytes => memory.PeakBytes;

    /// <inheritdoc/>
    public override long LiveCount => memory.LiveCount;

    /// <inheritdoc/>
    public override long Launches => launches;

    /// <inheritdoc/>
    public override long Uploads => uploads;

    /// <inheritdoc/>
    public override long Waits => transfers.Waits;

    internal CudaCard Card { get; }

    internal CudaProducts Products { get; }

    /// <summary>Whether steps may be recorded; tests compare them with plain ones.</summary>
    internal bool MayRecord { get; set; } = true;

    internal override bool Records => MayRecord && memory.IsPooled && !waitsAfterLaunch; // a checker and a search for the culprit see more without

    internal override int MostScratchBytes => Card.SharedBytes - 4096; // what a kernel itself keeps there

    /// <summary>The stream on which everything is launched.</summary>
    internal nint Stream => stream;

    /// <inheritdoc/>
    public override void ResetPeak() => memory.ResetPeak();

    /// <inheritdoc/>
    public override void Synchronize()
    {
        lock (order)
        {
            MakeCurrent();
            ThrowIfCapturing("wait");
            transfers.Synchronize();
        }
    }

    /// <inheritdoc/>
    public override void Launch(Kernel kernel, Work work, params ReadOnlySpan<KernelArg> args)
    {
        Span<long> values = stackalloc long[args.Length];
        DType real = kernel.Bind(this, args, values);
        if (work.Items == 0)
        {
            return;
        }

        lock (order)
        {
            MakeCurrent();
            CudaFunction function = modules.Of(kernel, real);
            (Dim3 grid, Dim3 block, int sharedBytes) = function.ShapeOf(work);
            Launch(function, grid, block, sharedBytes, values);
        }
    }

    /// <summary>Waits for what was launched, and gives everything back. Never throws: a lost device has nothing left to give.</summary>
    public void Dispose()
    {
        lock (order)
        {
            if (isDisposed)
            {
                return;
            }

            isDisposed = true;
            _ = CudaDriver.SetCurrent(context);
            _ = CudaDriver.Synchronize(stream);
            memory.Trim();
            transfers.Free();
            Products.Dispose();
            modules.Unload();
            _ = CudaDriver.DestroyStream(stream);
            _ = CudaDriver.SetCurrent(0);
            current = null;
            _ = CudaDriver.ReleaseContext(Card.Handle);
        }
    }

    /// <summary>A kernel of any file, compiled on first use.</summary>
    internal nint Function(string file, string kernel, DType real, params string[] extraOptions)
    {
        lock (order)
        {
            MakeCurrent();
            return modules.Of(file, kernel, real, extraOptions).Handle;
        }
    }

    /// <summary>Launches what <see cref="Function"/> gave, in a shape of the caller's choice. Each argument takes eight bytes.</summary>
    internal void Launch(nint function, Dim3 grid, Dim3 block, int sharedBytes, ReadOnlySpan<long> values)
    {
        lock (order)
        {
            MakeCurrent();
            CudaFunction found = modules.Of(function);
            found.AllowShared(sharedBytes);
            Launch(found, grid, block, sharedBytes, values);
        }
    }

    /// <summary>Records what <paramref name="work"/> launches, to repeat it. It runs nothing, and may neither upload nor wait.</summary>
    internal CudaGraph Capture(Action work)
    {
        lock (order)
        {
            MakeCurrent();
            ThrowIfCapturing("be recorded once more");
            long before = launches;
            faults.Check(CudaDriver.BeginCapture(stream, CudaDriver.RelaxedCapture), "cuStreamBeginCapture");
            CudaMemory.Pool pool = memory.BeginCapture();
            nint graph = 0;
            try
            {
                int ended;
                isCapturing = true;
                try
                {
                    work();
                }
                finally
                {
                    isCapturing = false;
                    memory.EndCapture();
                    ended = CudaDriver.EndCapture(stream, out graph);
                }

                faults.Check(ended, "cuStreamEndCapture");
                faults.Check(CudaDriver.InstantiateGraph(out nint executable, graph, 0), "cuGraphInstantiateWithFlags");
                return new CudaGraph(this, graph, executable, pool, launches - before);
            }
            catch
            {
                _ = graph == 0 ? 0 : CudaDriver.DestroyGraph(graph);
                memory.Release(pool);
                throw;
            }
            finally
            {
                launches = before; // nothing has run
            }
        }
    }

    internal void Launch(CudaGraph graph)
    {
        lock (order)
        {
            MakeCurrent();
            ThrowIfCapturing("repeat a recording");
            launches += graph.Launches;
            faults.Note("graph", new Dim3((int)graph.Launches), new Dim3(1));
            faults.Check(CudaDriver.LaunchGraph(graph.Executable, stream), "cuGraphLaunch");
            WaitIfAsked("graph");
        }
    }

    internal void Release(CudaMemory.Pool graph)
    {
        lock (order)
        {
            if (!isDisposed)
            {
                memory.Release(graph);
            }
        }
    }

    internal override Recording Record(Action work) => Capture(work);

    internal override Storage Allocate(long bytes)
    {
        nint pointer;
        lock (order)
        {
            MakeCurrent();
            pointer = memory.Take(bytes);
        }

        Storage storage = new(this, pointer, bytes);
        StepScope.Track(storage);
        return storage;
    }

    internal override void Release(nint pointer, long bytes)
    {
        lock (order)
        {
            if (!isDisposed)
            {
                memory.Return(pointer);
            }
        }
    }

    internal override void Clear(nint pointer, long bytes)
    {
        if (bytes > 0)
        {
            lock (order)
            {
                MakeCurrent();
                memory.NameNew("zeros");
                faults.Check(CudaDriver.Fill(pointer, 0, (nuint)bytes, stream), "cuMemsetD8Async");
            }
        }
    }

    internal override void Copy(nint from, nint to, long bytes)
    {
        if (bytes > 0)
        {
            lock (order)
            {
                MakeCurrent();
                faults.Check(CudaDriver.CopyWithin(to, from, (nuint)bytes, stream), "cuMemcpyDtoDAsync");
            }
        }
    }

    internal override void Upload(ReadOnlySpan<byte> from, nint to)
    {
        lock (order)
        {
            MakeCurrent();
            ThrowIfCapturing("upload");
            uploads++;
            memory.NameNew("uploads");
            transfers.Upload(from, to);
        }
    }

    internal override void Download(nint from, Span<byte> to)
    {
        lock (order)
        {
            MakeCurrent();
            ThrowIfCapturing("download");
            transfers.Download(from, to);
        }
    }

    internal override void Gemm(in GemmProblem problem)
    {
        lock (order)
        {
            MakeCurrent();
            Products.Gemm(problem);
        }
    }

    internal override void Convolve(ConvolutionPass pass, in ConvolutionProblem problem)
    {
        lock (order)
        {
            MakeCurrent();
            Products.Convolve(pass, problem);
        }
    }

    /// <summary>Counts what a library has launched, and remembers it for messages.</summary>
    internal void NoteLibraryCall(string call)
    {
        launches++;
        faults.Note(call, default, default);
    }

    private void Launch(CudaFunction function, Dim3 grid, Dim3 block, int sharedBytes, ReadOnlySpan<long> values)
    {
        launches++;
        faults.Note(function.Name, grid, block);
        memory.NameNew(function.Name);
        void** parameters = stackalloc void*[values.Length];
        fixed (long* first = values)
        {
            for (int i = 0; i < values.Length; i++)
            {
                parameters[i] = first + i;
            }

            faults.Check(
                CudaDriver.Launch(
                    function.Handle, (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)block.X, (uint)block.Y, (uint)block.Z, (uint)sharedBytes, stream,
                    parameters, null),
                "cuLaunchKernel");
        }

        WaitIfAsked(function.Name);
    }

    private void WaitIfAsked(string name)
    {
        if (waitsAfterLaunch && !isCapturing)
        {
            faults.Check(CudaDriver.Synchronize(stream), name);
        }
    }

    private void ThrowIfCapturing(string what)
    {
        if (isCapturing)
        {
            throw new InvalidOperationException($"What is recorded to be repeated cannot {what}.");
        }
    }

    /// <summary>The driver keeps a context for each thread.</summary>
    private void MakeCurrent()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        faults.ThrowIfLost();
        if (current != this)
        {
            faults.Check(CudaDriver.SetCurrent(context), "cuCtxSetCurrent");
            current = this;
        }
    }
}
