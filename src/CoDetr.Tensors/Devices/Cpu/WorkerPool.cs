namespace CoDetr.Tensors;

/// <summary>
/// A fixed set of threads that run one native function together, each on its own share. The caller is worker 0. Launches are short and many,
/// so idle workers spin for a moment before they sleep.
/// </summary>
internal sealed unsafe class WorkerPool : IDisposable
{
    private const int SpinsBeforeSleep = 4000;

    private readonly Thread[] threads;
    private readonly SemaphoreSlim[] wake;
    private readonly int[] asleep;
    private Job job;
    private volatile int generation;
    private int remaining;
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

    public void Dispose()
    {
        ended = true;
        generation++;
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

    /// <summary>Runs the job on <paramref name="workers"/> workers and waits for all.</summary>
    internal void Run(in Job work, int workers)
    {
        if (workers <= 1 || threads.Length == 0)
        {
            work.Run(0, 1);
            return;
        }

        job = work with { Workers = Math.Min(workers, Count) };
        Volatile.Write(ref remaining, threads.Length);
        Interlocked.Increment(ref generation);
        for (int i = 0; i < threads.Length; i++)
        {
            if (Interlocked.Exchange(ref asleep[i], 0) == 1)
            {
                wake[i].Release();
            }
        }

        job.Run(0, job.Workers);
        SpinWait spin = default;
        while (Volatile.Read(ref remaining) > 0)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    private void Serve(int index)
    {
        int seen = 0;
        while (true)
        {
            int spins = 0;
            while (generation == seen)
            {
                if (++spins < SpinsBeforeSleep)
                {
                    Thread.SpinWait(8);
                    continue;
                }

                Interlocked.Exchange(ref asleep[index], 1);
                if (generation != seen && Interlocked.Exchange(ref asleep[index], 0) == 1)
                {
                    break;
                }

                wake[index].Wait();
            }

            seen = generation;
            if (ended)
            {
                return;
            }

            if (index + 1 < job.Workers)
            {
                job.Run(index + 1, job.Workers);
            }

            Interlocked.Decrement(ref remaining);
        }
    }

    /// <summary>A native function and its arguments: a kernel of the dialect, or a product with its own argument struct.</summary>
    internal readonly record struct Job(nint Function, nint Args, bool IsKernel, nint[] Scratch, long ScratchBytes, int Workers)
    {
        internal void Run(int worker, int workers)
        {
            if (IsKernel)
            {
                HostLaunch launch = new(worker, workers, Scratch[worker], ScratchBytes);
                ((delegate* unmanaged<void**, HostLaunch*, void>)Function)((void**)Args, &launch);
            }
            else
            {
                ((delegate* unmanaged<void*, int, int, void>)Function)((void*)Args, worker, workers);
            }
        }
    }

    /// <summary>Mirrors <c>Launch</c> in kernel.h.</summary>
    private readonly record struct HostLaunch(int Index, int Count, nint Scratch, long ScratchBytes);
}
