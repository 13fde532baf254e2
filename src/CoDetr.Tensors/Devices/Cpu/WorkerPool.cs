namespace CoDetr.Tensors;

/// <summary>
/// A fixed set of threads that run one native function together. Launches are short and many, so idle threads spin for a moment before they sleep, and a
/// launch's shares are taken, not handed out: a thread that the system keeps waiting holds up nobody, for the caller takes what is left. Which thread
/// runs a share never shows in the result.
/// </summary>
internal sealed unsafe class WorkerPool : IDisposable
{
    private const int SpinsBeforeSleep = 4000;

    private readonly Thread[] threads;
    private readonly SemaphoreSlim[] wake;
    private readonly int[] asleep;
    private Job job;
    private long ticket; // launch (32 bits), its shares (16), the next share to take (16)
    private int pending;
    private volatile bool ended;

    internal WorkerPool(int workers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        Count = workers;
        threads = new Thread[workers - 1];
        wake = new SemaphoreSlim[workers - 1];
        asleep = new int[workers - 1];
        for (int i = 0; i < threads.Length; i++)
        {
            int index = i;
            wake[i] = new SemaphoreSlim(0);
            threads[i] = new Thread(() => Serve(index)) { IsBackground = true, Name = $"codetr worker {i + 1}" };
            threads[i].Start();
        }
    }

    internal int Count { get; }

    private static int LaunchOf(long ticket) => (int)(ticket >> 32);

    public void Dispose()
    {
        ended = true;
        Publish(shares: 0);
        foreach (SemaphoreSlim signal in wake)
        {
            signal.Release();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        foreach (SemaphoreSlim signal in wake)
        {
            signal.Dispose();
        }
    }

    /// <summary>Runs the job in so many shares and waits for all.</summary>
    internal void Run(in Job work, int shares)
    {
        if (shares <= 1 || threads.Length == 0)
        {
            work.Run(0, 1, thread: 0);
            return;
        }

        job = work;
        Volatile.Write(ref pending, shares);
        Publish(shares);
        for (int i = 0; i < threads.Length; i++)
        {
            if (Interlocked.Exchange(ref asleep[i], 0) == 1)
            {
                wake[i].Release();
            }
        }

        TakeShares(LaunchOf(ticket), thread: 0);
        SpinWait spin = default;
        while (Volatile.Read(ref pending) > 0)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    private void Publish(int shares) => Volatile.Write(ref ticket, ((long)(LaunchOf(ticket) + 1) << 32) | ((long)shares << 16));

    /// <summary>Runs shares of a launch until none is left. The job is stable while a share of it is taken: its launch waits for that share.</summary>
    private void TakeShares(int launch, int thread)
    {
        while (true)
        {
            long now = Volatile.Read(ref ticket);
            (int shares, int next) = ((int)(now >> 16) & 0xFFFF, (int)now & 0xFFFF);
            if (LaunchOf(now) != launch || next >= shares)
            {
                return;
            }

            if (Interlocked.CompareExchange(ref ticket, now + 1, now) == now)
            {
                job.Run(next, shares, thread);
                Interlocked.Decrement(ref pending);
            }
        }
    }

    private void Serve(int index)
    {
        int seen = 0;
        while (true)
        {
            int spins = 0;
            while (LaunchOf(Volatile.Read(ref ticket)) == seen)
            {
                if (++spins < SpinsBeforeSleep)
                {
                    Thread.SpinWait(8);
                    continue;
                }

                Interlocked.Exchange(ref asleep[index], 1);
                if (LaunchOf(Volatile.Read(ref ticket)) != seen && Interlocked.Exchange(ref asleep[index], 0) == 1)
                {
                    break;
                }

                wake[index].Wait();
            }

            seen = LaunchOf(Volatile.Read(ref ticket));
            if (ended)
            {
                return;
            }

            TakeShares(seen, index + 1);
        }
    }

    /// <summary>A native function and its arguments: a kernel of the dialect, or a product with its own argument struct.</summary>
    internal readonly record struct Job(nint Function, nint Args, bool IsKernel, nint[] Scratch, long ScratchBytes)
    {
        internal void Run(int share, int shares, int thread)
        {
            if (IsKernel)
            {
                HostLaunch launch = new(share, shares, Scratch[thread], ScratchBytes);
                ((delegate* unmanaged<void**, HostLaunch*, void>)Function)((void**)Args, &launch);
            }
            else
            {
                ((delegate* unmanaged<void*, int, int, void>)Function)((void*)Args, share, shares);
            }
        }
    }

    /// <summary>Mirrors <c>Launch</c> in kernel.h.</summary>
    private readonly record struct HostLaunch(int Index, int Count, nint Scratch, long ScratchBytes);
}
