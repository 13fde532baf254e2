namespace CoDetr.Tensors;

/// <summary>
/// Launches that were recorded once and are repeated in one call. What they allocated stays theirs until the graph is disposed: a repetition finds its
/// tensors where they were. Inputs are written into the same tensors before each repetition.
/// </summary>
internal sealed class CudaGraph : IDisposable
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

    /// <summary>Runs everything that was recorded, after what was launched before.</summary>
    internal void Launch()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        device.Launch(this);
    }

    /// <summary>Lets its memory be used by others.</summary>
    public void Dispose()
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
