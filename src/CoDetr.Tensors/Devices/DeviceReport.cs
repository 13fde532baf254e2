using System.Runtime.InteropServices;
using System.Text;

namespace CoDetr.Tensors;

/// <summary>What there is to compute with, and what was tried: for people.</summary>
public static class DeviceReport
{
    /// <summary>One line for each thing that was looked for: its name, and what was found.</summary>
    /// <param name="device">What was asked for; null if nothing.</param>
    /// <param name="workers">Threads of the CPU.</param>
    public static IEnumerable<(string Name, string Found)> Lines(string? device, int workers)
    {
        (string used, string check) = Try(device, workers);
        yield return ("used", used);
        yield return ("checked", check);
        yield return ("cores", $"{Environment.ProcessorCount} ({RuntimeInformation.ProcessArchitecture}, {RuntimeInformation.OSDescription})");
        yield return ("instruction sets", string.Join(", ", HostKernels.Levels()));
        foreach (string tried in HostKernels.Tried)
        {
            yield return ("kernel library", tried);
        }

        yield return ("compiled by", Compiler());
        yield return ("CUDA driver", Driver());
        yield return ("NVRTC", Compile());
        bool asks = Environment.GetEnvironmentVariable("CODETR_LIBRARIES") == "1";
        yield return ("cuBLASLt", asks ? Found(CublasLt.IsAvailable, CublasLt.Tried) : "not asked for (CODETR_LIBRARIES=1)");
        yield return ("cuDNN", asks ? Found(Cudnn.IsAvailable, Cudnn.Tried) : "not asked for (CODETR_LIBRARIES=1)");
        foreach ((string name, string found) in Cards())
        {
            yield return (name, found);
        }

        yield return ("compiled kernels", KernelCache.OfUser().Folder ?? "are not kept (CODETR_CACHE=0)");
        yield return ("GPU path", "has so far run on the soft GPU of the tests only, never on a real card");
    }

    /// <summary>What the device calls itself, and whether a kernel on it gives what it should.</summary>
    private static (string Used, string Check) Try(string? name, int workers)
    {
        try
        {
            Device device = DeviceChoice.Open(name, workers, compilesAhead: false);
            using IDisposable? end = device as IDisposable;
            try
            {
                using StepScope scope = StepScope.Begin();
                float[] sums = (Tensor.From<float>([1, 2, 3], [3], device) + Tensor.From<float>([10, 20, 30], [3], device)).ToArray();
                return (device.Description, sums is [11, 22, 33] ? "a kernel ran and gave the right numbers" : $"a kernel gave [{string.Join(", ", sums)}], not [11, 22, 33]");
            }
            catch (Exception e) when (e is DeviceException or DeviceMemoryException)
            {
                return (device.Description, e.Message);
            }
        }
        catch (DeviceException e)
        {
            return ("nothing", e.Message);
        }
    }

    private static IEnumerable<(string Name, string Found)> Cards()
    {
        int count;
        string failure = "";
        try
        {
            count = CudaDriver.IsAvailable ? CudaCard.Count() : 0;
        }
        catch (DeviceException e)
        {
            (count, failure) = (0, e.Message);
        }

        if (failure.Length > 0)
        {
            yield return ("GPU", failure);
        }

        for (int i = 0; i < count; i++)
        {
            yield return ($"cuda:{i}", Card(i));
        }
    }

    private static string Card(int index)
    {
        try
        {
            CudaCard card = CudaCard.Open(index);
            string facts = $"{card.Name}, capability {card.Capability / 10}.{card.Capability % 10}, {card.Multiprocessors} multiprocessors, {card.MemoryBytes / 1073741824.0:F1} GiB";
            return $"{facts}: {DeviceChoice.WhyNot(card) ?? $"can be used, kernels for {KernelLibrary.ArchitectureOf(card.Capability)}"}";
        }
        catch (DeviceException e)
        {
            return e.Message;
        }
    }

    /// <summary>The compiler's own mark in the kernel library.</summary>
    private static string Compiler()
    {
        string path = HostKernels.Tried[^1].Split(": ")[0];
        byte[] library = File.ReadAllBytes(path);
        foreach (string mark in new[] { "clang version", "GCC: (" })
        {
            int at = library.AsSpan().IndexOf(Encoding.ASCII.GetBytes(mark));
            if (at >= 0)
            {
                int begin = library.AsSpan(0, at).LastIndexOf((byte)0) + 1, end = at + library.AsSpan(at).IndexOf((byte)0);
                return Encoding.ASCII.GetString(library, begin, end - begin);
            }
        }

        return "unknown: the library carries no compiler's mark";
    }

    private static string Found(bool isThere, IReadOnlyList<string> tried) => isThere ? tried[^1].Split(": ")[0] : $"not found ({string.Join("; ", tried)})";

    private static string Driver()
    {
        if (!CudaDriver.IsAvailable)
        {
            return $"not found ({string.Join("; ", CudaDriver.Tried)})";
        }

        return CudaDriver.GetVersion(out int version) == CudaDriver.Success
            ? $"{CudaDriver.Path}, for CUDA {version / 1000}.{version % 1000 / 10}"
            : $"{CudaDriver.Path} does not answer";
    }

    private static string Compile()
    {
        if (!Nvrtc.IsAvailable)
        {
            return $"not found ({string.Join("; ", Nvrtc.Tried)})";
        }

        return Nvrtc.Version(out int major, out int minor) == 0 ? $"{Nvrtc.Path}, version {major}.{minor}" : $"{Nvrtc.Path} does not answer";
    }
}
