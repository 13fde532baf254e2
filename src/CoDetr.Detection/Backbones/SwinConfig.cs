namespace CoDetr.Detection;

/// <summary>Which Swin Transformer (spec/model.md §2.2); the defaults are Swin-T.</summary>
public sealed record SwinConfig : BackboneConfig
{
    /// <summary>Swin-T.</summary>
    public static SwinConfig Tiny { get; } = new();

    /// <summary>Swin-S.</summary>
    public static SwinConfig Small { get; } = new() { Depths = [2, 2, 18, 2] };

    /// <summary>Swin-B.</summary>
    public static SwinConfig Base { get; } = new() { EmbedWidth = 128, Depths = [2, 2, 18, 2], Heads = [4, 8, 16, 32], Window = 12 };

    /// <summary>Swin-L.</summary>
    public static SwinConfig Large { get; } = new() { EmbedWidth = 192, Depths = [2, 2, 18, 2], Heads = [6, 12, 24, 48], Window = 12, DropPath = 0.3f };

    /// <summary>Channels of the first stage; each further one has twice as many.</summary>
    public int EmbedWidth { get; init; } = 96;

    /// <summary>Blocks of each stage.</summary>
    public IReadOnlyList<int> Depths { get; init; } = [2, 2, 6, 2];

    /// <summary>Attention heads of each stage.</summary>
    public IReadOnlyList<int> Heads { get; init; } = [3, 6, 12, 24];

    /// <summary>Height and width of a window.</summary>
    public int Window { get; init; } = 7;

    /// <summary>Which stages (0 to 3, strides 4 to 32) are returned.</summary>
    public IReadOnlyList<int> OutStages { get; init; } = [1, 2, 3];

    /// <summary>Stochastic depth of the last block; rates grow evenly from 0 at the first.</summary>
    public float DropPath { get; init; } = 0.2f;

    /// <inheritdoc/>
    public override IReadOnlyList<int> OutChannels => [.. OutStages.Select(stage => EmbedWidth << stage)];

    /// <inheritdoc/>
    internal override Backbone Build() => new SwinTransformer(this);
}
