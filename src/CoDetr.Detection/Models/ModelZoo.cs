namespace CoDetr.Detection;

/// <summary>The published detectors by name (spec/model.md §10, §12).</summary>
public static class ModelZoo
{
    private static readonly string[] Pair = ["faster-rcnn", "atss"]; // the paper's default, K = 2
    private static readonly Dictionary<string, ZooModel> Models = new()
    {
        ["deformable-detr-r50"] = new(Deformable(FromScratch(50))),
        ["deformable-detr-r101"] = new(Deformable(FromScratch(101))),
        ["deformable-detr-r34"] = new(Deformable(FromScratch(34))),
        ["deformable-detr-r18"] = new(Deformable(FromScratch(18))),
        ["deformable-detr-single-scale-r50"] = new(SingleScale(FromScratch(50))),
        ["co-deformable-detr-single-scale-r50"] = new(SingleScale(new ResNetConfig()), Pair),
        ["co-deformable-detr-r50"] = new(Deformable(new ResNetConfig()), Pair),
        ["co-deformable-detr-swin-t"] = new(Deformable(SwinConfig.Tiny), Pair),
        ["co-deformable-detr-swin-s"] = new(Deformable(SwinConfig.Small), Pair),
        ["co-deformable-detr-swin-b"] = new(Deformable(SwinConfig.Base), Pair),
        ["co-deformable-detr-swin-l"] = new(Deformable(SwinConfig.Large) with { Queries = 900, MaxDetections = 300 }, Pair),
        ["dino-r50"] = new(Dino(FromScratch(50) with { OutStages = [0, 1, 2, 3] }) with { UsesQuality = false, Suppression = null }),
        ["dino-4scale-r50"] = new(FourScales(Dino(FromScratch(50))) with { UsesQuality = false, Suppression = null }),
        ["co-dino-r50"] = new(Dino(new ResNetConfig { OutStages = [0, 1, 2, 3] }), Pair),
        ["co-dino-4scale-r50"] = new(FourScales(Dino(new ResNetConfig())), Pair),
        ["co-dino-swin-l"] = new(Dino(SwinConfig.Large with { OutStages = [0, 1, 2, 3] }), Pair),
        ["co-dino-vit-l"] = new(
            Dino(VisionTransformerConfig.Large) with
            {
                Queries = 1500,
                MaxDetections = 1000,
                Denoising = new DenoisingSettings { Queries = 300, BoxNoise = 0.4f },
            },
            Pair),

        // The small form of golden/curves.md: learns digits of 96 pixels from scratch in minutes.
        ["deformable-detr-tiny"] = new(Tiny),
        ["co-deformable-detr-tiny"] = new(Tiny, Pair),
        ["co-dino-tiny"] = new(
            Tiny with
            {
                Kind = QueryKind.Dino,
                UsesQuality = true,
                ClassWeight = 1,
                Denoising = new DenoisingSettings { Queries = 20 },
                Suppression = SuppressionSettings.Lowering(0.8f),
                Positives = new PositiveSettings { HasFeatures = false },
            },
            Pair),
    };

    /// <summary>All names.</summary>
    public static IReadOnlyList<string> Names => [.. Models.Keys];

    private static DetectorConfig Tiny => Deformable(FromScratch(18) with { BaseChannels = 16, StemChannels = 16 }) with
    {
        Width = 64,
        FeedForward = 256,
        EncoderLayers = 2,
        DecoderLayers = 3,
        Queries = 60,
        MaxDetections = 60,
    };

    /// <summary>The configuration of a name for so many classes.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="classes">Foreground classes.</param>
    /// <param name="collaboration">What is different about its auxiliary heads.</param>
    /// <exception cref="ArgumentException">There is no such name; the message lists those there are.</exception>
    public static DetectorConfig Config(string name, int classes, Collaboration? collaboration = null) => Models.TryGetValue(name, out ZooModel? model)
        ? With(model, name.EndsWith("-tiny", StringComparison.Ordinal), collaboration ?? new Collaboration()) with { Classes = classes }
        : throw new ArgumentException($"There is no model '{name}'. Models: {string.Join(", ", Names)}.");

    private static DetectorConfig With(ZooModel model, bool isTiny, Collaboration collaboration)
    {
        DetectorConfig config = model.Config;
        float factor = config.DecoderLayers * collaboration.Lambda2;
        AuxiliaryHeadConfig[] heads = [.. (collaboration.Heads ?? model.Heads).Select(AuxiliaryKinds.Named)];
        if (collaboration.Convs is int convs)
        {
            heads = [.. heads.Select(head => head.WithConvs(convs))];
        }

        bool isVision = config.Backbone is VisionTransformerConfig;
        RegionProposalConfig proposals = new();
        proposals = isTiny ? Small(proposals) : isVision ? proposals with { Inference = new(8000, 2000, 0.9f) } : proposals;
        return config with
        {
            Auxiliary = [.. heads.Select(head => (isTiny ? Small(head) : isVision && head is FasterRcnnConfig regional ? Large(regional) : head).Times(factor))],
            Proposals = heads.Any(head => head.PoolsRegions) ? proposals.Times(factor) : null,
            Positives = config.Positives with { IsOn = collaboration.HasPositiveQueries, Weight = collaboration.Lambda1 },
            TrainsAuxiliary = collaboration.TrainsHeads,
        };
    }

    /// <summary>Nothing is frozen, and norms learn: frozen at their start, the last norm of each block would switch the block off for good.</summary>
    private static ResNetConfig FromScratch(int depth) => new() { Depth = depth, FrozenStages = -1, HasTrainedNorms = true };

    private static DetectorConfig Deformable(BackboneConfig backbone) => new() { Classes = 0, Backbone = backbone };

    private static DetectorConfig SingleScale(ResNetConfig backbone) => Deformable(backbone with { OutStages = [3] }) with { Levels = 1, FirstStride = 32 };

    private static DetectorConfig Dino(BackboneConfig backbone) => new()
    {
        Classes = 0,
        Backbone = backbone,
        Kind = QueryKind.Dino,
        Levels = 5,
        FirstStride = 4,
        Queries = 900,
        MaxDetections = 300,
        Suppression = SuppressionSettings.Lowering(0.8f),
        UsesQuality = true,
        ClassWeight = 1,
        Denoising = new DenoisingSettings { Queries = 100 },
        Positives = new PositiveSettings { HasFeatures = false },
    };

    private static DetectorConfig FourScales(DetectorConfig config) => config with { Levels = 4, FirstStride = 8 };

    /// <summary>The sizes of golden/curves.md.</summary>
    private static RegionProposalConfig Small(RegionProposalConfig config) => config with { Samples = 64, Training = new(200, 60, 0.7f), Inference = new(200, 60, 0.7f) };

    /// <summary>The region head of the published ViT-L (spec/model.md §10).</summary>
    private static FasterRcnnConfig Large(FasterRcnnConfig config) => config with
    {
        Convs = 4,
        FullyConnected = 1,
        IsClassAgnostic = true,
        Units = (0.05f, 0.05f, 0.1f, 0.1f),
        Suppression = SuppressionSettings.Lowering(0.5f),
        MaxDetections = 1000,
    };

    private static AuxiliaryHeadConfig Small(AuxiliaryHeadConfig config) => config switch
    {
        FasterRcnnConfig regional => regional with { Hidden = 24, Samples = 32 },
        AtssConfig dense => dense with { Detection = dense.Detection with { PerLevel = 200 } },
        _ => config,
    };

    private sealed record ZooModel(DetectorConfig Config, params IReadOnlyList<string> Heads);
}
