using System.Runtime.CompilerServices;

namespace CoDetr.Tests;

/// <summary>Where the checkout lies, for tests read the tree itself; or the folder of <c>CODETR_ROOT</c>, which holds what of it the GPU bundle carries.</summary>
internal static class Repository
{
    private static readonly string[] NotOurs = [".git", "artifacts", "runs", "bin", "obj"];

    internal static string Root { get; } = Find();

    /// <summary>The files of a folder whose name ends so, with their paths from the root; what a build makes is left out.</summary>
    internal static IEnumerable<string> Files(string folder, params IReadOnlyList<string> endings) =>
        Walk(new DirectoryInfo(Path.Combine(Root, folder)))
            .Where(file => endings.Count == 0 || endings.Any(ending => file.EndsWith(ending, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal);

    internal static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    private static IEnumerable<string> Walk(DirectoryInfo folder) => !folder.Exists
        ? []
        : folder.EnumerateFiles().Select(file => Path.GetRelativePath(Root, file.FullName))
            .Concat(folder.EnumerateDirectories().Where(d => !NotOurs.Contains(d.Name)).SelectMany(Walk));

    private static string Find([CallerFilePath] string file = "") =>
        Environment.GetEnvironmentVariable("CODETR_ROOT") is { Length: > 0 } root ? Path.GetFullPath(root) : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));
}
