namespace CoDetr.Tensors;

/// <summary>A recording as the driver keeps it.</summary>
internal sealed class CudaGraph : Recording
{
    private readonly CudaDevice device;
    private readonly CudaMemory.Pool memory;
    private readonly nint graph;
    private bool isDisposed;

    internal CudaGraph(CudaDevice device, nint graph, nint executable, CudaMemory.Pool memory, long launches) =>
        (this.device, this.graph, Executable, this.memory, Launches) = (device, graph, executable, memory, launches);

    internal nint Executable { get; }

    /// <summary>How many launches one repetition stands for.</summary>
    internal long Launches { get; }

    internal override void Launch()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        device.Launch(this);
    }

    public override void Dispose()
    {
        if (!isDisposed)
        {
            isDisposed = true;
            _ = CudaDriver.DestroyExecutable(Executable);
            _ = CudaDriver.DestroyGraph(graph);
            device.Release(memory);
        }
    }
}
