using System.Text.Json.Serialization;

namespace CoDetr.Detection;

/// <summary>The two query heads of the paper.</summary>
public enum QueryKind
{
    /// <summary>Deformable-DETR++: places from the best proposals of class 0, focal loss (spec/model.md §6).</summary>
    Deformable,

    /// <summary>DINO: contrastive denoising, places from the best proposals of any class, positions anew in each layer (spec/model.md §6, §7).</summary>
    Dino,
}

/// <summary>Settings of a backbone.</summary>
[JsonDerivedType(typeof(ResNetConfig), "resnet")]
[JsonDerivedType(typeof(SwinConfig), "swin")]
[JsonDerivedType(typeof(VisionTransformerConfig), "vit")]
public abstract record BackboneConfig
{
    /// <summary>Channels of each returned stage.</summary>
    [JsonIgnore]
    public abstract IReadOnlyList<int> OutChannels { get; }

    /// <summary>The same for a start from pretrained weights: frozen where the published recipes freeze.</summary>
    public virtual BackboneConfig Pretrained() => this;

    /// <summary>The backbone of these settings.</summary>
    internal abstract Backbone Build();

    /// <summary>What brings its stages to so many levels of one width.</summary>
    internal virtual Neck BuildNeck(int width, int levels) => new ChannelMapper(OutChannels, width, levels);
}

/// <summary>What a detector is made of. <c>with</c> makes a variant; the defaults are Deformable-DETR++ R50 (spec/model.md §6.2, §10).</summary>
public sealed record DetectorConfig
{
    /// <summary>Foreground classes.</summary>
    public required int Classes { get; init; }

    /// <summary>The backbone.</summary>
    public BackboneConfig Backbone { get; init; } = new ResNetConfig();

    /// <summary>Which query head.</summary>
    public QueryKind Kind { get; init; }

    /// <summary>Feature levels that the transformer sees; with a single one, auxiliary heads get a pyramid that an adapter makes of it.</summary>
    public int Levels { get; init; } = 4;

    /// <summary>Pixels per cell of the finest level; each further one has twice as many.</summary>
    public int FirstStride { get; init; } = 8;

    /// <summary>Channels of tokens and queries.</summary>
    public int Width { get; init; } = 256;

    /// <summary>Attention heads.</summary>
    public int Heads { get; init; } = 8;

    /// <summary>Sampling points per head and level.</summary>
    public int Points { get; init; } = 4;

    /// <summary>Hidden channels of the feed-forward layers.</summary>
    public int FeedForward { get; init; } = 2048;

    /// <summary>Encoder layers.</summary>
    public int EncoderLayers { get; init; } = 6;

    /// <summary>Decoder layers.</summary>
    public int DecoderLayers { get; init; } = 6;

    /// <summary>Object queries, and proposals that the encoder hands on.</summary>
    public int Queries { get; init; } = 300;

    /// <summary>Detections of a picture that are kept.</summary>
    public int MaxDetections { get; init; } = 100;

    /// <summary>Suppression of the query head's detections; null for none.</summary>
    public SuppressionSettings? Suppression { get; init; }

    /// <summary>Whether the class loss is quality focal; otherwise focal.</summary>
    public bool UsesQuality { get; init; }

    /// <summary>Weight of the class loss.</summary>
    public float ClassWeight { get; init; } = 2;

    /// <summary>Weight of the L1 loss of unit boxes.</summary>
    public float BoxWeight { get; init; } = 5;

    /// <summary>Weight of the generalised-IoU loss.</summary>
    public float IouWeight { get; init; } = 2;

    /// <summary>Weight of the class cost in matching.</summary>
    public float ClassCost { get; init; } = 2;

    /// <summary>Weight of the L1 cost in matching.</summary>
    public float BoxCost { get; init; } = 5;

    /// <summary>Weight of the generalised-IoU cost in matching.</summary>
    public float IouCost { get; init; } = 2;

    /// <summary>
    /// Whether padding is known as such: hidden from attention, and boxes are fractions of the picture. Otherwise it counts as picture (spec/model.md §0).
    /// </summary>
    public bool KnowsPadding { get; init; } = true;

    /// <summary>The auxiliary heads, in any order.</summary>
    public IReadOnlyList<AuxiliaryHeadConfig> Auxiliary { get; init; } = [];

    /// <summary>The region-proposal head that the heads which pool regions share; it exists where they do.</summary>
    public RegionProposalConfig? Proposals { get; init; }

    /// <summary>Positive queries of the auxiliary heads.</summary>
    public PositiveSettings Positives { get; init; } = new();

    /// <summary>Whether the auxiliary heads' own losses are trained: off leaves their positive queries alone.</summary>
    public bool TrainsAuxiliary { get; init; } = true;

    /// <summary>Whether training looks at the objects' masks.</summary>
    [JsonIgnore]
    public bool LearnsMasks => TrainsAuxiliary && Auxiliary.Any(head => head.LearnsMasks);

    /// <summary>Denoising queries of DINO; null for none.</summary>
    public DenoisingSettings? Denoising { get; init; } = new();

    /// <summary>The heads that can detect: <c>detr</c>, then the auxiliary ones by kind, with a number where a kind is there more than once.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> HeadNames => ["detr", .. OrderedAuxiliary.Select((head, i) =>
        OrderedAuxiliary.Count(other => other.Kind == head.Kind) == 1 ? head.Kind : $"{head.Kind}.{OrderedAuxiliary.Take(i).Count(other => other.Kind == head.Kind)}")];

    /// <summary>Maps that auxiliary heads read, and pixels per cell of the finest.</summary>
    [JsonIgnore]
    internal (int Levels, int FirstStride) Pyramid => Levels > 1 ? (Levels + 1, FirstStride) : (MultiScaleAdapter.Levels, FirstStride / 4);

    /// <summary>The auxiliary heads in their official order: those that pool regions first (spec/collaborative-training.md §9).</summary>
    [JsonIgnore]
    internal IReadOnlyList<AuxiliaryHeadConfig> OrderedAuxiliary => [.. Auxiliary.Where(head => head.PoolsRegions), .. Auxiliary.Where(head => !head.PoolsRegions)];

    /// <summary>The auxiliary head of a name, from 0 in the official order; null for the query head.</summary>
    /// <exception cref="ConfigException">There is no such head; the message lists those there are.</exception>
    public int? AuxiliaryIndex(string name) => HeadNames.ToList().IndexOf(name) switch
    {
        -1 => throw new ConfigException($"The model has no head '{name}'. Heads: {string.Join(", ", HeadNames)}."),
        0 => null,
        int index => index - 1,
    };
}

/// <summary>How positives of auxiliary heads become decoder queries (spec/collaborative-training.md §6).</summary>
public sealed record PositiveSettings
{
    /// <summary>Whether they do at all.</summary>
    public bool IsOn { get; init; } = true;

    /// <summary>The most of one head and picture.</summary>
    public int Most { get; init; } = 300;

    /// <summary>Whether gaps are filled with zeros that count nowhere; otherwise with random negatives.</summary>
    public bool PadsWithZeros { get; init; }

    /// <summary>Whether the feature at the positive's place is added to the query's content (paper, equation 4).</summary>
    public bool HasFeatures { get; init; } = true;

    /// <summary>λ1, the weight of their losses (paper, equation 6).</summary>
    public float Weight { get; init; } = 1;
}

/// <summary>Queries of DINO that stand near known objects and shall find back to them (spec/model.md §7).</summary>
public sealed record DenoisingSettings
{
    /// <summary>How many a picture has, positive and negative ones, if its objects divide them evenly.</summary>
    public int Queries { get; init; } = 100;

    /// <summary>How often each object is there as a positive and as a negative; null: as often as <see cref="Queries"/> allow, at least once.</summary>
    public int? Groups { get; init; }

    /// <summary>Twice the chance that a query's label is drawn anew.</summary>
    public float LabelNoise { get; init; } = 0.5f;

    /// <summary>How far the corners of its box move, in halves of the box's size.</summary>
    public float BoxNoise { get; init; } = 1;
}
