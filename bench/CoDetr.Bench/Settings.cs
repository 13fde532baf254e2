namespace CoDetr.Bench;

/// <summary>What the command line said, for the whole program.</summary>
internal static class Settings
{
    /// <summary>Tiny sizes, once: shows that every benchmark runs.</summary>
    internal static bool Smoke { get; set; }

    /// <summary>Sizes that the soft GPU can run in seconds and that still fill it: for counting.</summary>
    internal static bool Counts { get; set; }

    /// <summary>Arrays larger than this count as lying in memory, smaller ones in a cache: their speed is no share of a large copy's.</summary>
    internal const long CacheBytes = 32 << 20;

    /// <summary>Every bench of the program, once per size.</summary>
    internal static IEnumerable<KernelBench> Benches() => typeof(Settings).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(KernelBench)) && !type.IsAbstract)
        .OrderBy(type => type.Name, StringComparer.Ordinal)
        .SelectMany(type => ((KernelBench)Activator.CreateInstance(type)!).EachSize());
}
