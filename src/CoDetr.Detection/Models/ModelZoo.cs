namespace CoDetr.Detection;

/// <summary>The published detectors by name.</summary>
public static class ModelZoo
{
    private static readonly Dictionary<string, Func<int, DetectorConfig>> Models = new()
    {
        ["deformable-detr-r50"] = classes => new() { Classes = classes, Backbone = FromScratch(50) },
        ["deformable-detr-r101"] = classes => new() { Classes = classes, Backbone = FromScratch(101) },
        ["deformable-detr-r34"] = classes => new() { Classes = classes, Backbone = FromScratch(34) },
        ["deformable-detr-r18"] = classes => new() { Classes = classes, Backbone = FromScratch(18) },

        // The small form of golden/curves.md: learns digits of 96 pixels from scratch in minutes.
        ["deformable-detr-tiny"] = classes => new()
        {
            Classes = classes,
            Backbone = FromScratch(18) with { BaseChannels = 16, StemChannels = 16 },
            Width = 64,
            FeedForward = 256,
            EncoderLayers = 2,
            DecoderLayers = 3,
            Queries = 60,
            MaxDetections = 60,
        },
    };

    /// <summary>All names.</summary>
    public static IReadOnlyList<string> Names => [.. Models.Keys];

    /// <summary>The configuration of a name for so many classes.</summary>
    /// <exception cref="ArgumentException">There is no such name; the message lists those there are.</exception>
    public static DetectorConfig Config(string name, int classes, Collaboration? c = null) => Models.TryGetValue(name, out Func<int, DetectorConfig>? make)
        ? make(classes)
        : throw new ArgumentException($"There is no model '{name}'. Models: {string.Join(", ", Names)}.");

    /// <summary>Nothing is frozen, and norms learn: frozen at their start, the last norm of each block would switch the block off for good.</summary>
    private static ResNetConfig FromScratch(int depth) => new() { Depth = depth, FrozenStages = -1, HasTrainedNorms = true };
}
