namespace CoDetr.Tensors;

/// <summary>A kernel on a card, and the launch shapes that it allows.</summary>
internal sealed class CudaFunction
{
    private const int WarpLanes = 32;
    private const int ThreadsOfBlock = 256; // of elements, and of teams of one warp
    private const int MostLanes = 512; // of a team: a longer row strides
    private const int SharedBytesAtHand = 48 << 10; // more must be asked for

    private readonly CudaCard card;
    private readonly CudaFaults faults;
    private readonly int mostThreads;
    private readonly int staticShared;
    private int allowedShared = SharedBytesAtHand;
    private (int Threads, int Shared, int Blocks) resident;

    internal CudaFunction(CudaCard card, CudaFaults faults, nint handle, string name)
    {
        (this.card, this.faults, Handle, Name) = (card, faults, handle, name);
        faults.Check(CudaDriver.GetAttribute(out mostThreads, CudaDriver.FunctionAttribute.MaxThreads, handle), "cuFuncGetAttribute");
        faults.Check(CudaDriver.GetAttribute(out staticShared, CudaDriver.FunctionAttribute.SharedBytes, handle), "cuFuncGetAttribute");
        mostThreads -= mostThreads % WarpLanes;
    }

    internal nint Handle { get; }

    internal string Name { get; }

    /// <summary>
    /// Elements: blocks of 256. Teams of up to 32 lanes: a warp each, several to a block. Wider teams: a block each. The grid is what the card holds at
    /// once, at most: the loops of a kernel stride.
    /// </summary>
    internal (Dim3 Grid, Dim3 Block, int SharedBytes) ShapeOf(in Work work)
    {
        int scratch = (work.ScratchBytes + 7) & ~7;
        Dim3 block;
        int teams = 1;
        if (work.Lanes == 0)
        {
            block = new Dim3(Math.Min(ThreadsOfBlock, mostThreads));
        }
        else if (work.Lanes <= WarpLanes)
        {
            teams = Math.Min(ThreadsOfBlock, mostThreads) / WarpLanes;
            teams = (int)Math.Min(teams, Math.Max(work.Items / card.Multiprocessors, 1)); // few teams: every multiprocessor gets some
            teams = scratch == 0 ? teams : Math.Clamp((SharedBytesAtHand - staticShared) / scratch, 1, teams);
            block = new Dim3(WarpLanes, teams);
        }
        else
        {
            block = new Dim3(Math.Min((work.Lanes + WarpLanes - 1) / WarpLanes * WarpLanes, Math.Min(MostLanes, mostThreads)));
        }

        int shared = checked(scratch * teams);
        AllowShared(shared);
        long itemsOfBlock = work.Lanes == 0 ? block.X : teams;
        long blocks = (work.Items + itemsOfBlock - 1) / itemsOfBlock;
        return (new Dim3((int)Math.Min(blocks, (long)card.Multiprocessors * ResidentBlocks(block.Count, shared))), block, shared);
    }

    /// <summary>Asks for more shared memory than a kernel has by right.</summary>
    internal void AllowShared(int bytes)
    {
        if (bytes + staticShared > card.SharedBytes)
        {
            throw new DeviceException(
                $"{Name} needs {bytes + staticShared} bytes of shared memory; {card.Name} has {card.SharedBytes} for a block. Use --device cpu, or fewer queries.");
        }

        if (bytes > allowedShared - staticShared)
        {
            faults.Check(CudaDriver.SetAttribute(Handle, CudaDriver.FunctionAttribute.MaxDynamicSharedBytes, bytes), "cuFuncSetAttribute");
            allowedShared = bytes + staticShared;
        }
    }

    private int ResidentBlocks(int threads, int shared)
    {
        if (resident.Threads != threads || resident.Shared != shared)
        {
            faults.Check(CudaDriver.GetResidentBlocks(out int blocks, Handle, threads, (nuint)shared), "cuOccupancyMaxActiveBlocksPerMultiprocessor");
            resident = (threads, shared, Math.Max(blocks, 1));
        }

        return resident.Blocks;
    }
}
