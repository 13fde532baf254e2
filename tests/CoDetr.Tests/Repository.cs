using System.Runtime.CompilerServices;

namespace CoDetr.Tests;

/// <summary>Where the checkout lies: tests read the tree itself.</summary>
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
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));
}
