using System.Globalization;

namespace CoDetr.Tensors;

/// <summary>
/// Device memory in blocks that are used again: stream order makes that safe at once. With <c>CODETR_POOL=0</c> each storage is its own allocation, freed
/// at once, so that a checker sees every overrun and every use after the end.
/// </summary>
internal sealed class CudaMemory(CudaFaults faults)
{
    private readonly Dictionary<nint, Block> live = [];
    private readonly List<nint> unnamed = [];
    private readonly Pool shared = new();
    private Pool? captured;

    internal bool IsPooled { get; init; } = Environment.GetEnvironmentVariable("CODETR_POOL") != "0";

    internal long LiveBytes { get; private set; }

    internal long PeakBytes { get; private set; }

    internal long LiveCount => live.Count;

    internal void ResetPeak() => PeakBytes = LiveBytes;

    internal nint Take(long bytes)
    {
        long size = BlockSize.Of(bytes);
        Pool pool = captured ?? shared;
        if (!IsPooled && pool == shared)
        {
            size = Math.Max(bytes, 1);
        }

        nint pointer = pool.TryTake(size, out nint found) ? found : Allocate(size, bytes);
        live.Add(pointer, new Block(pool, size, bytes, null));
        unnamed.Add(pointer);
        LiveBytes += bytes;
        PeakBytes = Math.Max(PeakBytes, LiveBytes);
        return pointer;
    }

    internal void Return(nint pointer)
    {
        if (!live.Remove(pointer, out Block block))
        {
            throw new InvalidOperationException($"The device returned no storage at {pointer:x}.");
        }

        unnamed.Remove(pointer);
        LiveBytes -= block.Bytes;
        Pool pool = block.Pool == shared ? captured ?? shared : block.Pool; // what a graph touches stays its own as long as it lives
        if (IsPooled || pool != shared)
        {
            pool.Put(block.Size, pointer);
        }
        else if (!faults.IsLost)
        {
            faults.Remember(CudaDriver.Free(pointer), "cuMemFree");
        }
    }

    /// <summary>Says what was done first with what has been allocated since the last call: shown when memory runs out.</summary>
    internal void NameNew(string owner)
    {
        foreach (nint pointer in unnamed)
        {
            live[pointer] = live[pointer] with { Owner = owner };
        }

        unnamed.Clear();
    }

    /// <summary>Gives all unused blocks back to the driver.</summary>
    internal void Trim()
    {
        foreach (nint pointer in shared.TakeAll())
        {
            faults.Remember(faults.IsLost ? CudaDriver.Success : CudaDriver.Free(pointer), "cuMemFree");
        }
    }

    /// <summary>From here on, memory comes from and goes to a pool of its own.</summary>
    internal Pool BeginCapture() => captured = new Pool();

    internal void EndCapture() => captured = null;

    /// <summary>Lets the memory of a graph be used by others.</summary>
    internal void Release(Pool graph)
    {
        foreach ((nint pointer, Block block) in live.Where(pair => pair.Value.Pool == graph).ToList())
        {
            live[pointer] = block with { Pool = shared };
        }

        shared.PutAll(graph);
        if (!IsPooled)
        {
            Trim();
        }
    }

    private static string Mebibytes(long bytes) => (bytes / 1048576.0).ToString("F1", CultureInfo.InvariantCulture) + " MiB";

    private nint Allocate(long size, long asked)
    {
        int result = CudaDriver.Allocate(out nint pointer, (nuint)size);
        if (result == CudaDriver.OutOfMemory)
        {
            Trim();
            result = CudaDriver.Allocate(out pointer, (nuint)size);
        }

        if (result == CudaDriver.OutOfMemory)
        {
            string memory = CudaDriver.GetMemory(out nuint free, out nuint total) == CudaDriver.Success
                ? $" of the card's {Mebibytes((long)total)}, {Mebibytes((long)free)} are free"
                : "";
            string largest = string.Join(", ", live.Values.GroupBy(block => block.Owner ?? "not yet used").Select(group => (Name: group.Key, Bytes: group.Sum(b => b.Bytes)))
                .OrderByDescending(group => group.Bytes).Take(4).Select(group => $"{group.Name} {Mebibytes(group.Bytes)}"));
            throw new DeviceMemoryException(
                $"No memory for {Mebibytes(asked)}; tensors hold {Mebibytes(LiveBytes)}{memory}. Most is held by {largest}. Use a smaller batch or picture, or Recompute.");
        }

        faults.Check(result, "cuMemAlloc");
        return pointer;
    }

    /// <summary>Unused blocks by size.</summary>
    internal sealed class Pool
    {
        private readonly Dictionary<long, Stack<nint>> blocks = [];

        internal bool TryTake(long size, out nint pointer)
        {
            pointer = 0;
            return blocks.TryGetValue(size, out Stack<nint>? free) && free.TryPop(out pointer);
        }

        internal void Put(long size, nint pointer)
        {
            if (!blocks.TryGetValue(size, out Stack<nint>? free))
            {
                blocks[size] = free = new Stack<nint>();
            }

            free.Push(pointer);
        }

        internal List<nint> TakeAll()
        {
            List<nint> all = [.. blocks.Values.SelectMany(free => free)];
            blocks.Clear();
            return all;
        }

        internal void PutAll(Pool other)
        {
            foreach ((long size, Stack<nint> free) in other.blocks)
            {
                while (free.TryPop(out nint pointer))
                {
                    Put(size, pointer);
                }
            }
        }
    }

    private readonly record struct Block(Pool Pool, long Size, long Bytes, string? Owner);
}
