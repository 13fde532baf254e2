using System.Runtime.InteropServices;
using System.Text;
using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>What a table must say about the machine that it was measured on.</summary>
internal static class Machine
{
    internal static string Processor => Field("model name");

    /// <summary>A folder name: processor and cores.</summary>
    internal static string Folder =>
        $"{string.Concat(Processor.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-'))}-{Environment.ProcessorCount}-cores";

    /// <summary>Which compiler made the host library, from the note that compilers leave in what they make.</summary>
    internal static string Compiler
    {
        get
        {
            string level = HostKernels.Level;
            string library = Path.Combine(
                Environment.GetEnvironmentVariable("CODETR_KERNELS") ?? Path.Combine(AppContext.BaseDirectory, "kernels"), $"libcodetr_kernels-{level}.so");
            string text = Encoding.Latin1.GetString(File.ReadAllBytes(library));
            return Note(text, "clang version ") ?? Note(text, "GCC: (") ?? "unknown compiler";
        }
    }

    internal static string[] Lines() =>
    [
        $"Processor: {Processor} (family {Field("cpu family")}, model {Field("model")}), {Environment.ProcessorCount} cores, {Field("cache size")} cache; " +
            $"{RuntimeInformation.OSDescription}",
        $"Host kernels: {Device.Default.Description}, {Compiler}; {RuntimeInformation.FrameworkDescription}",
    ];

    /// <summary>Where this machine's tables lie; it is made if it is missing.</summary>
    internal static string ResultsFolder() => Directory.CreateDirectory(Path.Combine(Repository(), "bench", "results", Folder)).FullName;

    /// <summary>The nearest folder upwards that holds the solution, from the program; else the current folder.</summary>
    private static string Repository()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "CoDetr.Native.sln")))
            {
                return folder.FullName;
            }
        }

        return Environment.CurrentDirectory;
    }

    private static string? Note(string text, string start)
    {
        int at = text.IndexOf(start, StringComparison.Ordinal);
        return at < 0 ? null : text[at..text.IndexOf('\0', at)];
    }

    private static string Field(string name)
    {
        const string Path = "/proc/cpuinfo";
        string? line = File.Exists(Path) ? File.ReadLines(Path).FirstOrDefault(l => l.Split(':')[0].Trim() == name) : null;
        return line is null ? "unknown" : line.Split(':', 2)[1].Trim();
    }
}
