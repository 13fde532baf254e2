namespace CoDetr.Tensors;

/// <summary>Where tensors lie and kernels run. Ops know only this.</summary>
public abstract class Device
{
    private static readonly Lock Choosing = new();
    private static Device? chosen;

    /// <summary>The device of tensors that are made without naming one: what <see cref="Open"/> chooses, unless set.</summary>
    public static Device Default
    {
        get
        {
            lock (Choosing)
            {
                return chosen ??= Open();
            }
        }

        set => chosen = value;
    }

    /// <summary>For people, for example <c>cpu (2 workers, x86-64-v4)</c>.</summary>
    public abstract string Description { get; }

    /// <summary>Bytes that tensors hold now.</summary>
    public abstract long LiveBytes { get; }

    /// <summary>The most bytes that tensors held at once since <see cref="ResetPeak"/>.</summary>
    public abstract long PeakBytes { get; }

    /// <summary>Allocations that are alive now.</summary>
    public abstract long LiveCount { get; }

    /// <summary>Kernel, product and convolution launches so far.</summary>
    public abstract long Launches { get; }

    /// <summary>Copies from the host so far.</summary>
    public abstract long Uploads { get; }

    /// <summary>How often the host has waited for the device so far: downloads and synchronisations.</summary>
    public abstract long Waits { get; }

    /// <summary>Whether <see cref="Record"/> can be called.</summary>
    internal virtual bool Records => false;

    /// <summary>The most scratch that a team can have; an op that may need more brings memory of its own.</summary>
    internal virtual int MostScratchBytes => int.MaxValue;

    /// <summary>Whether activations can be stored as this type.</summary>
    public virtual bool Stores(DType dtype) => dtype.IsFloat;

    /// <summary>Whether <see cref="Open"/> takes this: <c>cpu</c>, <c>cuda</c> (the first GPU) or <c>cuda:N</c>.</summary>
    public static bool IsName(string name) => DeviceChoice.IsName(name);

    /// <summary>
    /// Opens a device. With no name: the one of <c>CODETR_DEVICE</c>; if that is not set, the first GPU if everything that it needs is there, else the CPU.
    /// </summary>
    /// <param name="name"><c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <param name="workers">Threads of a CPU device.</param>
    public static Device Open(string? name = null, int? workers = null) => DeviceChoice.Open(name, workers, compilesAhead: true);

    /// <summary>Starts a new high-water mark at the present level.</summary>
    public abstract void ResetPeak();

    /// <summary>Checks <paramref name="args"/> against the kernel's signature, then runs it in stream order.</summary>
    public abstract void Launch(Kernel kernel, Work work, params ReadOnlySpan<KernelArg> args);

    /// <summary>Waits until everything launched has run.</summary>
    public abstract void Synchronize();

    /// <summary>Records what <paramref name="work"/> launches, to repeat it. It runs nothing, and may neither upload nor wait.</summary>
    internal virtual Recording Record(Action work) => throw new NotSupportedException($"{Description} does not record.");

    internal abstract Storage Allocate(long bytes);

    internal abstract void Release(nint pointer, long bytes);

    internal abstract void Clear(nint pointer, long bytes);

    internal abstract void Copy(nint from, nint to, long bytes);

    internal abstract void Upload(ReadOnlySpan<byte> from, nint to);

    internal abstract void Download(nint from, Span<byte> to);

    internal abstract void Gemm(in GemmProblem problem);

    internal abstract void Convolve(ConvolutionPass pass, in ConvolutionProblem problem);
}
