using System.Collections.Concurrent;

namespace CoDetr.Tensors;

/// <summary>Compiled kernel texts: from the cache, else from the compiler.</summary>
internal sealed class KernelLibrary(KernelCache cache)
{
    private static readonly string Engine = typeof(KernelLibrary).Assembly.GetName().Version!.ToString();

    private readonly ConcurrentDictionary<string, Lazy<CompiledText>> texts = new();
    private int compilations;

    /// <summary>How many texts the compiler had to be asked for.</summary>
    internal int Compilations => compilations;

    /// <summary>
    /// What to compile for: the card's own generation if the compiler knows it, else PTX for the newest that it knows and the card runs: the driver
    /// compiles that.
    /// </summary>
    internal static string ArchitectureOf(int capability)
    {
        Nvrtc.ThrowIfMissing();
        int[] known = Nvrtc.Architectures();
        int newest = known.Where(architecture => architecture <= capability).DefaultIfEmpty(0).Max();
        return newest == 0
            ? throw new DeviceException($"NVRTC {Nvrtc.VersionText} ({Nvrtc.Path}) no longer compiles for capability {capability / 10}.{capability % 10}. Install an older one.")
            : newest == capability ? $"sm_{capability}" : $"compute_{newest}";
    }

    /// <summary>Two who ask at the same time wait for one compilation.</summary>
    internal CompiledText Get(string file, string architecture, DType real, params IReadOnlyList<string> extraOptions)
    {
        string[] options = KernelCompiler.Options(architecture, real, extraOptions);
        return texts.GetOrAdd($"{file} {string.Join(' ', options)}", _ => new Lazy<CompiledText>(() => Make(file, options))).Value;
    }

    /// <summary>Whether a text has a build for a storage type: products have none in double.</summary>
    internal static bool IsStored(string file, DType real) => real != DType.F64 || !file.StartsWith("cuda/", StringComparison.Ordinal);

    /// <summary>Compiles all texts at the same time, so that the first step does not wait for one after the other.</summary>
    internal void CompileAll(string architecture, DType real, int threads, CancellationToken stop) => Parallel.ForEach(
        KernelText.Names.Where(name => name.EndsWith(".cu", StringComparison.Ordinal) && IsStored(name, real)).OrderByDescending(name => KernelText.Read(name).Length),
        new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = stop },
        file => Get(file, architecture, real));

    /// <summary>Begins with all of them; who needs one before it is ready waits for that one.</summary>
    internal void CompileAhead(string architecture, DType real)
    {
        CancellationTokenSource stop = new();
        Task compiling = Task.Run(() =>
        {
            try
            {
                CompileAll(architecture, real, Environment.ProcessorCount, stop.Token);
            }
            catch (Exception e) when (e is AggregateException or OperationCanceledException)
            {
                // Who needs the text that failed gets the error.
            }
        });
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            stop.Cancel();
            compiling.Wait(); // the compiler must not be at work while its library is torn down
        };
    }

    private CompiledText Make(string file, string[] options)
    {
        string text = KernelText.Read(file);
        (string[] names, string[] headers) = KernelCompiler.Headers.Value;
        string key = KernelCache.KeyOf([file, text, .. names, .. headers, .. options, Nvrtc.VersionText, Engine]);
        if (cache.Find(key) is CompiledText found)
        {
            return found;
        }

        Interlocked.Increment(ref compilations);
        CompiledText compiled = KernelCompiler.Compile(file, text, options);
        cache.Store(key, compiled);
        return compiled;
    }
}
