using System.Runtime.InteropServices;
using System.Text;

namespace CoDetr.Tensors;

/// <summary>What there is to compute with, and what was tried: for people.</summary>
public static unsafe class DeviceReport
{
    /// <summary>One line for each thing that was looked for: its name, and what was found.</summary>
    public static IEnumerable<(string Name, string Found)> Lines()
    {
        yield return ("used", Device.Default.Description);
        yield return ("cores", $"{Environment.ProcessorCount} ({RuntimeInformation.ProcessArchitecture}, {RuntimeInformation.OSDescription})");
        yield return ("instruction sets", string.Join(", ", HostKernels.Levels()));
        foreach (string tried in HostKernels.Tried)
        {
            yield return ("kernel library", tried);
        }

        yield return ("compiled by", Compiler());
        yield return ("CUDA driver", Driver());
        yield return ("NVRTC", Compile());
        yield return ("GPU device", "none in this version: everything runs on the CPU");
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

    private static string Driver()
    {
        NativeSearch found = NativeSearch.Find("CODETR_CUDA_DRIVER", [OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1"]);
        if (found.Handle == 0)
        {
            return $"not found ({string.Join("; ", found.Tried)})";
        }

        int version = 0;
        bool answered = NativeLibrary.TryGetExport(found.Handle, "cuDriverGetVersion", out nint address) && ((delegate* unmanaged<int*, int>)address)(&version) == 0;
        return answered ? $"{found.Path}, for CUDA {version / 1000}.{version % 1000 / 10}" : $"{found.Path} does not answer";
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
