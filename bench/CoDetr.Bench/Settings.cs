namespace CoDetr.Bench;

/// <summary>What the command line said, for the whole program.</summary>
internal static class Settings
{
    /// <summary>Tiny sizes, once: shows that every benchmark runs.</summary>
    internal static bool Smoke { get; set; }

    /// <summary>Every bench of the program, once per size.</summary>
    internal static IEnumerable<KernelBench> Benches() => typeof(Settings).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(KernelBench)) && !type.IsAbstract)
        .OrderBy(type => type.Name, StringComparer.Ordinal)
        .SelectMany(type => ((KernelBench)Activator.CreateInstance(type)!).EachSize());
}
