namespace CoDetr.Tensors;

/// <summary>
/// Copies between host and device through pinned memory. Uploads have a stream and two buffers of their own: while one is on its way, the next is filled.
/// </summary>
internal sealed unsafe class CudaTransfers
{
    private const long MostBytes = 32 << 20; // of a buffer: what is longer goes in pieces

    private readonly CudaFaults faults;
    private readonly nint compute;
    private readonly nint upload;
    private readonly nint used;
    private readonly Buffer[] buffers = new Buffer[2];
    private Buffer download;
    private int next;

    internal CudaTransfers(CudaFaults faults, nint compute)
    {
        (this.faults, this.compute) = (faults, compute);
        faults.Check(CudaDriver.CreateStream(out upload, CudaDriver.NonBlocking), "cuStreamCreate");
        used = NewEvent();
        for (int i = 0; i < buffers.Length; i++)
        {
            buffers[i].Copied = NewEvent();
        }
    }

    /// <summary>How often the host waited.</summary>
    internal long Waits { get; private set; }

    /// <summary>Returns as soon as the bytes are in pinned memory; what is launched later waits for them on the device.</summary>
    internal void Upload(ReadOnlySpan<byte> from, nint to)
    {
        faults.Check(CudaDriver.RecordEvent(used, compute), "cuEventRecord");
        faults.Check(CudaDriver.WaitEvent(upload, used, 0), "cuStreamWaitEvent"); // what was launched before may still use the place
        while (!from.IsEmpty)
        {
            ref Buffer buffer = ref buffers[next];
            next = (next + 1) % buffers.Length;
            int bytes = (int)Math.Min(from.Length, MostBytes);
            Reserve(ref buffer, bytes);
            from[..bytes].CopyTo(new Span<byte>((void*)buffer.Pointer, bytes));
            faults.Check(CudaDriver.CopyToDevice(to, buffer.Pointer, (nuint)bytes, upload), "cuMemcpyHtoDAsync");
            faults.Check(CudaDriver.RecordEvent(buffer.Copied, upload), "cuEventRecord");
            buffer.IsInFlight = true;
            from = from[bytes..];
            to += bytes;
            if (from.IsEmpty)
            {
                faults.Check(CudaDriver.WaitEvent(compute, buffer.Copied, 0), "cuStreamWaitEvent");
            }
        }
    }

    /// <summary>Waits for what was launched, and copies.</summary>
    internal void Download(nint from, Span<byte> to)
    {
        while (!to.IsEmpty)
        {
            int bytes = (int)Math.Min(to.Length, MostBytes);
            Reserve(ref download, bytes);
            faults.Check(CudaDriver.CopyToHost(download.Pointer, from, (nuint)bytes, compute), "cuMemcpyDtoHAsync");
            Synchronize();
            new ReadOnlySpan<byte>((void*)download.Pointer, bytes).CopyTo(to);
            to = to[bytes..];
            from += bytes;
        }
    }

    internal void Synchronize()
    {
        Waits++;
        faults.Check(CudaDriver.Synchronize(compute), "cuStreamSynchronize");
    }

    /// <summary>Gives everything back; a lost device has nothing left to give.</summary>
    internal void Free()
    {
        _ = CudaDriver.Synchronize(upload);
        foreach (ref Buffer buffer in buffers.AsSpan())
        {
            _ = CudaDriver.DestroyEvent(buffer.Copied);
            _ = buffer.Pointer == 0 ? 0 : CudaDriver.FreePinned(buffer.Pointer);
        }

        _ = download.Pointer == 0 ? 0 : CudaDriver.FreePinned(download.Pointer);
        _ = CudaDriver.DestroyEvent(used);
        _ = CudaDriver.DestroyStream(upload);
    }

    private nint NewEvent()
    {
        faults.Check(CudaDriver.CreateEvent(out nint made, CudaDriver.DisableTiming), "cuEventCreate");
        return made;
    }

    private void Reserve(ref Buffer buffer, int bytes)
    {
        if (buffer.IsInFlight)
        {
            int result = CudaDriver.QueryEvent(buffer.Copied);
            if (result == CudaDriver.NotReady)
            {
                Waits++;
                result = CudaDriver.SynchronizeEvent(buffer.Copied);
            }

            faults.Check(result, "cuEventSynchronize");
            buffer.IsInFlight = false;
        }

        if (bytes > buffer.Bytes)
        {
            if (buffer.Pointer != 0)
            {
                faults.Check(CudaDriver.FreePinned(buffer.Pointer), "cuMemFreeHost");
                (buffer.Pointer, buffer.Bytes) = (0, 0);
            }

            long size = Math.Min(BlockSize.Of(bytes), MostBytes);
            faults.Check(CudaDriver.AllocatePinned(out buffer.Pointer, (nuint)size, 0), "cuMemHostAlloc");
            buffer.Bytes = size;
        }
    }

    private struct Buffer
    {
        internal nint Pointer;
        internal long Bytes;
        internal nint Copied;
        internal bool IsInFlight;
    }
}
