using System.Runtime.CompilerServices;

namespace CoDetr.Tests;

/// <summary>Where the checkout lies: tests read the tree itself.</summary>
internal static class Repository
{
    internal static string Root { get; } = Find();

    private static string Find([CallerFilePath] string file = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));
}
