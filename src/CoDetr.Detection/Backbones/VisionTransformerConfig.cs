namespace CoDetr.Detection;

/// <summary>Which vision transformer in the manner of EVA-02 (spec/model.md §2.3); the defaults are ViT-L as it is used on COCO.</summary>
public sealed record VisionTransformerConfig : BackboneConfig
{
    /// <summary>ViT-L for pictures of any size: Co-DINO on COCO.</summary>
    public static VisionTransformerConfig Large { get; } = new();

    /// <summary>ViT-L for pictures of 1536×1536: Co-DINO on LVIS.</summary>
    public static VisionTransformerConfig LargeSquare { get; } = new()
    {
        Window = 16,
        WindowBlocks = [.. Enumerable.Range(0, 24).Where(i => i % 3 != 2)],
        FixedSize = 1536,
        DropPath = 0.3f,
    };

    /// <summary>Pixels of a patch along each side.</summary>
    public int Patch { get; init; } = 16;

    /// <summary>Channels of a token.</summary>
    public int Width { get; init; } = 1024;

    /// <summary>Blocks.</summary>
    public int Depth { get; init; } = 24;

    /// <summary>Attention heads.</summary>
    public int Heads { get; init; } = 16;

    /// <summary>Channels of the gated layers; those of a token times 8/3, rounded down, in the official models.</summary>
    public int Hidden { get; init; } = 2730;

    /// <summary>Height and width of a window in patches.</summary>
    public int Window { get; init; } = 24;

    /// <summary>Which blocks attend within windows; the others see the whole map.</summary>
    public IReadOnlyList<int> WindowBlocks { get; init; } = [.. Enumerable.Range(0, 24).Where(i => i % 4 != 3)];

    /// <summary>Height and width of the pictures of pretraining, for which positions are learned; others take resized ones.</summary>
    public int PretrainSize { get; init; } = 512;

    /// <summary>Height and width of the only pictures that it takes: its rotations of whole maps are kept in checkpoints. Null for pictures of any size.</summary>
    public int? FixedSize { get; init; }

    /// <summary>Stochastic depth of the last block; rates grow evenly from 0 at the first.</summary>
    public float DropPath { get; init; } = 0.4f;

    /// <inheritdoc/>
    public override IReadOnlyList<int> OutChannels => [Width];

    /// <inheritdoc/>
    internal override Backbone Build() => new VisionTransformer(this);

    /// <inheritdoc/>
    internal override Neck BuildNeck(int width, int levels) => new SimpleFeaturePyramid(Width, width, levels);
}
