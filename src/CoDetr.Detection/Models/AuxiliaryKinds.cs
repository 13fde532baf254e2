namespace CoDetr.Detection;

/// <summary>The auxiliary heads of the paper (Tables 7 and 8) by name.</summary>
public static class AuxiliaryKinds
{
    private static readonly Dictionary<string, AuxiliaryHeadConfig> Kinds = new AuxiliaryHeadConfig[]
    {
        new AtssConfig(), new FasterRcnnConfig(), new RetinaConfig(), new FcosConfig(), new PaaConfig(), new GflConfig(), new MaskRcnnConfig(),
    }.ToDictionary(config => config.Kind);

    /// <summary>All names.</summary>
    public static IReadOnlyList<string> Names => [.. Kinds.Keys];

    /// <summary>The settings of a name, before the weights' common factor.</summary>
    /// <exception cref="ArgumentException">There is no such name; the message lists those there are.</exception>
    public static AuxiliaryHeadConfig Named(string kind) => Kinds.TryGetValue(kind, out AuxiliaryHeadConfig? config)
        ? config
        : throw new ArgumentException($"There is no auxiliary head '{kind}'. Heads: {string.Join(", ", Names)}.");
}
