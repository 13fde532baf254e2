namespace CoDetr.Tensors;

/// <summary>A piece of device memory. Freed once, by its scope, by backward or by hand; never by the garbage collector.</summary>
internal sealed class Storage(Device device, nint pointer, long bytes)
{
    private static long made;

    private bool freed;

    internal Device Device { get; } = device;

    internal long Bytes { get; } = bytes;

    internal nint Pointer => freed
        ? throw new ObjectDisposedException(nameof(Tensor), "The tensor's storage was returned (its step ended, backward has used it, or it was disposed). StepScope.Keep holds what is read later.")
        : pointer;

    internal bool IsFree => freed;

    /// <summary>The scope that returns it; null if nobody does.</summary>
    internal StepScope? Owner { get; set; }

    /// <summary>Later storages have larger numbers.</summary>
    internal long Order { get; } = Interlocked.Increment(ref made);

    internal static long LastOrder => Volatile.Read(ref made);

    /// <summary>How many gradients lie here; backward frees at zero.</summary>
    internal int Holders { get; set; }

    /// <summary>Whether backward must leave it alone; its scope still returns it.</summary>
    internal bool IsKept { get; set; }

    internal void Free()
    {
        if (!freed)
        {
            freed = true;
            Device.Release(pointer, Bytes);
        }
    }
}
