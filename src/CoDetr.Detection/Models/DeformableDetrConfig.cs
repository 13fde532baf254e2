namespace CoDetr.Detection;

/// <summary>What a Deformable-DETR is made of. <c>with</c> makes a variant; the defaults are Deformable-DETR++ R50 (spec/model.md §6.2, §10).</summary>
public sealed record DeformableDetrConfig
{
    /// <summary>Foreground classes.</summary>
    public required int Classes { get; init; }

    /// <summary>The backbone.</summary>
    public ResNetConfig Backbone { get; init; } = new();

    /// <summary>Feature levels that the transformer sees.</summary>
    public int Levels { get; init; } = 4;

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

    /// <summary>Detections of a picture that are kept; they need no suppression.</summary>
    public int MaxDetections { get; init; } = 100;

    /// <summary>Weight of the focal loss; the matching cost of the class is the same.</summary>
    public float ClassWeight { get; init; } = 2;

    /// <summary>Weight of the L1 loss and cost of unit boxes.</summary>
    public float BoxWeight { get; init; } = 5;

    /// <summary>Weight of the generalised-IoU loss and cost.</summary>
    public float IouWeight { get; init; } = 2;
}
