using System.Diagnostics;
using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>How long all kernel texts take to compile for the card at hand, and to be found again in the cache. The cache is the user's: what runs next is warm.</summary>
internal static class CompileTime
{
    /// <summary>Returns 1 if a text does not compile.</summary>
    internal static int Run(string[] types)
    {
        if (Device.Default is not CudaDevice cuda)
        {
            Console.Error.WriteLine($"Kernels are compiled for a GPU only, and this is {Device.Default.Description}: set CODETR_DEVICE=cuda.");
            return 1;
        }

        string architecture = KernelLibrary.ArchitectureOf(cuda.Card.Capability);
        DType[] all = types.Length > 0 ? [.. types.Select(type => Enum.Parse<DType>(type, ignoreCase: true))] : [DType.F32, DType.F64, DType.BF16, DType.F16];
        int failed = 0;
        foreach (DType real in all)
        {
            try
            {
                (int compiled, double first) = Compile(architecture, real);
                (_, double again) = Compile(architecture, real);
                Console.WriteLine($"{real}: {compiled} texts compiled for {architecture} in {first:0.0} s on {Environment.ProcessorCount} threads; found in the cache in {1000 * again:0} ms");
            }
            catch (AggregateException e)
            {
                Console.Error.WriteLine(string.Join(Environment.NewLine, e.Flatten().InnerExceptions.Select(inner => $"FAIL {real}: {inner.Message}")));
                failed++;
            }
        }

        Console.WriteLine($"{all.Length - failed} passed, {failed} failed");
        return failed == 0 ? 0 : 1;
    }

    private static (int Compiled, double Seconds) Compile(string architecture, DType real)
    {
        KernelLibrary library = new(KernelCache.OfUser());
        long begin = Stopwatch.GetTimestamp();
        library.CompileAll(architecture, real, Environment.ProcessorCount, CancellationToken.None);
        return (library.Compilations, Stopwatch.GetElapsedTime(begin).TotalSeconds);
    }
}
