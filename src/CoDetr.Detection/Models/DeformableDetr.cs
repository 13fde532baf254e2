using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>One object that was found.</summary>
/// <param name="X1">Left edge in pixels of the original picture.</param>
/// <param name="Y1">Top edge.</param>
/// <param name="X2">Right edge.</param>
/// <param name="Y2">Bottom edge.</param>
/// <param name="Score">Between 0 and 1.</param>
/// <param name="Label">Class from 0.</param>
public readonly record struct DetectedObject(float X1, float Y1, float X2, float Y2, float Score, int Label);

/// <summary>Deformable-DETR++: Co-Deformable-DETR's query head without auxiliary heads (spec/model.md §6.2).</summary>
public sealed class DeformableDetr : Module
{
    private readonly ResNet backbone;
    private readonly ChannelMapper neck;
    private readonly QueryHead head;

    /// <summary>Builds the model; <see cref="Module.Initialize"/> or a checkpoint fills it.</summary>
    public DeformableDetr(DeformableDetrConfig config)
    {
        Config = config;
        backbone = Add("backbone", new ResNet(config.Backbone));
        neck = Add("neck", new ChannelMapper(config.Backbone.OutChannels, config.Width, config.Levels));
        head = Add("query_head", new QueryHead(config));
    }

    /// <summary>What it is made of.</summary>
    public DeformableDetrConfig Config { get; }

    /// <summary>Whether encoder layers are computed again in backward instead of being remembered: less memory, more time.</summary>
    public bool Recomputes
    {
        get => head.Transformer.Encoder.Recomputes;
        set => head.Transformer.Encoder.Recomputes = value;
    }

    /// <summary>
    /// How activations are stored: f32, or f16 or bf16 on a device that does so. Parameters, their gradients, statistics of norms, positions, logits, boxes and
    /// losses are f32 whatever this is.
    /// </summary>
    public DType Precision { get; set; } = DType.F32;

    internal QueryHead Head => head;

    /// <summary>The losses of a batch, every decoder layer and the encoder's proposals included.</summary>
    public LossTable Losses(ImageBatch batch, Truth truth) => head.Losses(Predict(batch), truth, batch.ValidSizes);

    /// <summary>Finds objects.</summary>
    /// <param name="batch">The pictures.</param>
    /// <param name="scaleFactors">For each picture its input size divided by its original size, (x, y).</param>
    /// <param name="maxDetections">The most objects of one picture.</param>
    /// <param name="scoreThreshold">Only scores above it are kept.</param>
    /// <returns>For each picture the objects, highest score first.</returns>
    public DetectedObject[][] Detect(ImageBatch batch, IReadOnlyList<(double X, double Y)> scaleFactors, int maxDetections, float scoreThreshold = 0)
    {
        using NoGrad off = NoGrad.Begin();
        QueryPredictions predictions = Predict(batch);
        return QueryDecoding.Decode(predictions.Logits[^1], predictions.Boxes[^1], batch.Sizes, scaleFactors, maxDetections, scoreThreshold);
    }

    internal QueryPredictions Predict(ImageBatch batch)
    {
        Tensor[] levels = Features(batch);
        return head.Forward(levels, GridOf(levels, batch));
    }

    internal Tensor[] Features(ImageBatch batch) => neck.Forward(backbone.Forward(batch.Images.Cast(Precision)));

    internal static TokenGrid GridOf(Tensor[] levels, ImageBatch batch) =>
        TokenGrid.Of([.. levels.Select(level => new ImageSize(level.Shape[1], level.Shape[2]))], batch);
}
