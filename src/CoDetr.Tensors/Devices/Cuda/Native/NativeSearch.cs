using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>What came of looking for a native library.</summary>
/// <param name="Handle">The loaded library; 0 if none could be loaded. Never unloaded.</param>
/// <param name="Path">What was loaded; empty if nothing.</param>
/// <param name="Tried">One line for each candidate, in order, with the loader's own words.</param>
internal sealed record NativeSearch(nint Handle, string Path, IReadOnlyList<string> Tried)
{
    /// <summary>
    /// Looks where a setting points; beside the program; where the system's loader looks; in <c>CUDA_PATH</c> and <c>CUDA_HOME</c>; in well-known folders.
    /// </summary>
    /// <param name="setting">An environment variable that names a file or a folder. If it is set, nothing else is tried.</param>
    /// <param name="names">File names, best first.</param>
    /// <param name="companions">Patterns of libraries that must be loaded first, from the same folder, by full path.</param>
    internal static NativeSearch Find(string setting, IReadOnlyList<string> names, params IReadOnlyList<string> companions)
    {
        List<string> tried = [];
        foreach (string candidate in Candidates(setting, names))
        {
            bool isPath = System.IO.Path.IsPathRooted(candidate);
            if (isPath && !File.Exists(candidate))
            {
                tried.Add($"{candidate}: not there");
                continue;
            }

            if (isPath)
            {
                LoadCompanions(System.IO.Path.GetDirectoryName(candidate)!, companions, tried);
            }

            try
            {
                nint handle = NativeLibrary.Load(candidate);
                tried.Add($"{candidate}: loaded");
                return new NativeSearch(handle, candidate, tried);
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
            {
                tried.Add($"{candidate}: {LoaderLine(e.Message, candidate)}");
            }
        }

        return new NativeSearch(0, "", tried);
    }

    private static IEnumerable<string> Candidates(string setting, IReadOnlyList<string> names)
    {
        if (Environment.GetEnvironmentVariable(setting) is { Length: > 0 } set)
        {
            return Directory.Exists(set) ? names.Select(name => System.IO.Path.GetFullPath(name, System.IO.Path.GetFullPath(set))) : [System.IO.Path.GetFullPath(set)];
        }

        string[] toolkits = [.. new[] { "CUDA_PATH", "CUDA_HOME" }.Select(Environment.GetEnvironmentVariable).OfType<string>().Where(p => p.Length > 0).Distinct()];
        IEnumerable<string> folders = toolkits.SelectMany(t => new[] { $"{t}/lib64", $"{t}/lib", $"{t}/bin" })
            .Concat(["/usr/local/cuda/lib64", "/opt/cuda/lib64", "/usr/lib/wsl/lib"]).Where(Directory.Exists);
        string beside = System.IO.Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native");
        return names.Select(name => System.IO.Path.Combine(beside, name))
            .Concat(names)
            .Concat(folders.SelectMany(folder => names.Select(name => System.IO.Path.Combine(folder, name))));
    }

    private static void LoadCompanions(string folder, IReadOnlyList<string> patterns, List<string> tried)
    {
        foreach (string path in patterns.SelectMany(pattern => Directory.EnumerateFiles(folder, pattern).Order(StringComparer.Ordinal).Take(1)))
        {
            tried.Add($"{path}: {(NativeLibrary.TryLoad(path, out _) ? "loaded" : "could not be loaded")}");
        }
    }

    /// <summary>The loader answers with several lines, one for each spelling that .NET tried: the one about this name says most.</summary>
    private static string LoaderLine(string message, string candidate) =>
        message.Split('\n').Select(line => line.Trim()).FirstOrDefault(line => line.StartsWith(candidate, StringComparison.Ordinal)) is string line
            ? line[candidate.Length..].TrimStart(':', ' ')
            : message.Split('\n')[0];
}
