using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>
/// Host memory in blocks that are used again: the sizes of one step recur in the next. Each block ends in a guard that is checked when it comes back.
/// With <c>CODETR_POOL=0</c> each storage is its own allocation, freed at once, so that an address sanitizer sees every overrun.
/// </summary>
internal sealed unsafe class StoragePool : IDisposable
{
    private const int Alignment = 64;
    private const int GuardBytes = 64;
    private const byte GuardValue = 0xC5;

    private readonly Dictionary<long, Stack<nint>> blocks = [];
    private readonly Lock gate = new();

    internal bool IsPooled { get; } = Environment.GetEnvironmentVariable("CODETR_POOL") != "0";

    internal long LiveBytes { get; private set; }

    internal long PeakBytes { get; private set; }

    internal long LiveCount { get; private set; }

    /// <summary>Fills each new storage with NaN, so that a kernel that reads before it writes is seen. For tests.</summary>
    internal bool Poison { get; set; }

    internal nint Take(long bytes)
    {
        nint block;
        lock (gate)
        {
            LiveBytes += bytes;
            LiveCount++;
            PeakBytes = Math.Max(PeakBytes, LiveBytes);
            long size = BlockSize.Of(bytes + GuardBytes);
            if (!IsPooled)
            {
                block = (nint)NativeMemory.Alloc((nuint)Math.Max(bytes, 1));
            }
            else if (blocks.TryGetValue(size, out Stack<nint>? free) && free.Count > 0)
            {
                block = free.Pop();
            }
            else
            {
                block = Allocate(size);
            }
        }

        if (Poison)
        {
            NativeMemory.Fill((void*)block, (nuint)bytes, 0xFF);
        }

        if (IsPooled)
        {
            NativeMemory.Fill((byte*)block + bytes, GuardBytes, GuardValue);
        }

        return block;
    }

    internal void Return(nint block, long bytes)
    {
        if (IsPooled && new ReadOnlySpan<byte>((byte*)block + bytes, GuardBytes).ContainsAnyExcept(GuardValue))
        {
            throw new InvalidOperationException($"A kernel wrote beyond the end of a storage of {bytes} bytes.");
        }

        lock (gate)
        {
            LiveBytes -= bytes;
            LiveCount--;
            if (!IsPooled)
            {
                NativeMemory.Free((void*)block);
                return;
            }

            long size = BlockSize.Of(bytes + GuardBytes);
            if (!blocks.TryGetValue(size, out Stack<nint>? free))
            {
                blocks[size] = free = new Stack<nint>();
            }

            free.Push(block);
        }
    }

    internal void ResetPeak() => PeakBytes = LiveBytes;

    /// <summary>Gives all unused blocks back to the system.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            foreach (nint block in blocks.Values.SelectMany(free => free))
            {
                NativeMemory.AlignedFree((void*)block);
            }

            blocks.Clear();
        }
    }

    private nint Allocate(long size)
    {
        try
        {
            return (nint)NativeMemory.AlignedAlloc((nuint)size, Alignment);
        }
        catch (OutOfMemoryException)
        {
            throw new DeviceMemoryException(
                $"No memory for {size / 1048576.0:F1} MiB; tensors hold {LiveBytes / 1048576.0:F1} MiB. Use a smaller batch or picture, or Recompute.");
        }
    }
}
