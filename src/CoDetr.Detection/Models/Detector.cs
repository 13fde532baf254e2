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

/// <summary>
/// Backbone, neck and query head, and for training the auxiliary heads: Co-DETR. Without auxiliary heads it is Deformable-DETR++ or DINO
/// (spec/model.md §1, spec/collaborative-training.md §2).
/// </summary>
public sealed class Detector : Module
{
    private readonly Backbone backbone;
    private readonly Neck neck;
    private readonly QueryHead head;
    private readonly CollaborativeHeads auxiliary;

    /// <summary>Builds the model; <see cref="Module.Initialize"/> or a checkpoint fills it.</summary>
    public Detector(DetectorConfig config)
    {
        (Config, QuerySuppression) = (config, config.Suppression);
        backbone = Add("backbone", config.Backbone.Build());
        neck = Add("neck", config.Backbone.BuildNeck(config.Width, config.Levels));
        head = Add<QueryHead>("query_head", config.Kind == QueryKind.Dino ? new DinoQueryHead(config) : new DeformableQueryHead(config));
        auxiliary = Add("", new CollaborativeHeads(config));
    }

    /// <summary>What it is made of.</summary>
    public DetectorConfig Config { get; }

    /// <summary>
    /// Whether layers of the encoder and blocks of a transformer backbone are computed again in backward instead of being remembered: less memory, more time.
    /// </summary>
    public bool Recomputes
    {
        get => head.Recomputes;
        set => head.Recomputes = backbone.Recomputes = value;
    }

    /// <summary>
    /// How activations are stored: f32, or f16 or bf16 on a device that does so. Parameters, their gradients, statistics of norms, positions, logits, boxes and
    /// losses are f32 whatever this is.
    /// </summary>
    public DType Precision { get; set; } = DType.F32;

    /// <summary>Whether the host launches the same for batches of the same shape, so that a step can be recorded.</summary>
    public bool IsRepeatable => Config.Auxiliary.Count == 0 && Config.Kind == QueryKind.Deformable;

    /// <summary>Suppression of the query head's detections, as configured unless it is set; null for none.</summary>
    public SuppressionSettings? QuerySuppression { get; set; }

    /// <summary>Which classes take part in the class losses of queries, step by step; null: all of them.</summary>
    public FederatedLoss? Federated { get; set; }

    internal QueryHead Head => head;

    internal CollaborativeHeads Auxiliary => auxiliary;

    /// <summary>The losses of a batch: encoder, every decoder layer, and all that auxiliary heads add.</summary>
    /// <param name="batch">The pictures.</param>
    /// <param name="truth">What they show.</param>
    /// <param name="draws">Random numbers of the step.</param>
    public LossTable Losses(ImageBatch batch, Truth truth, Draws draws)
    {
        ImageBatch seen = Seen(batch);
        (EncoderOutput encoded, TokenGrid grid) = Encode(seen, draws);
        List<LossPart> losses = [];
        IReadOnlyList<PositiveQueries> positives = [];
        if (Config.Auxiliary.Count > 0)
        {
            using Stage stage = Stage.Of("auxiliary heads");
            (IReadOnlyList<LossPart> ofHeads, positives) = auxiliary.Train(Maps(encoded, grid, seen, batch), truth, draws);
            losses.AddRange(ofHeads);
        }

        MatchTruth objects = SetPredictionLoss.ToMatch(truth, seen.ValidSizes);
        IReadOnlyList<QueryGroup> groups = head.TrainingQueries(encoded, positives, truth, seen.ValidSizes, draws);
        QueryPredictions predictions;
        using (Stage.Of("decoder"))
        {
            predictions = head.Decode(encoded, groups, grid);
        }

        using (Stage.Of("losses of queries"))
        {
            Tensor? classWeights = Federated?.Classes(truth, draws);
            losses.Insert(0, Config.Kind == QueryKind.Deformable
                ? SetPredictionLoss.Encoder(encoded, objects with { Labels = null }, Config)
                : SetPredictionLoss.Encoder(encoded, objects, Config, classWeights));
            losses.Insert(1, SetPredictionLoss.Decoder(predictions, groups, objects, Config, classWeights));
            return LossTable.Of(losses);
        }
    }

    /// <summary>Finds objects.</summary>
    /// <param name="batch">The pictures.</param>
    /// <param name="scaleFactors">For each picture its input size divided by its original size, (x, y).</param>
    /// <param name="maxDetections">The most objects of one picture.</param>
    /// <param name="scoreThreshold">Only scores above it are kept.</param>
    /// <param name="auxiliaryHead">The auxiliary head that finds them, from 0 in the official order; null for the query head.</param>
    /// <returns>For each picture the objects, highest score first.</returns>
    public DetectedObject[][] Detect(
        ImageBatch batch, IReadOnlyList<(double X, double Y)> scaleFactors, int maxDetections, float scoreThreshold = 0, int? auxiliaryHead = null)
    {
        using NoGrad off = NoGrad.Begin();
        ImageBatch seen = Seen(batch);
        (EncoderOutput encoded, TokenGrid grid) = Encode(seen, null);
        if (auxiliaryHead is int index)
        {
            return auxiliary.Detect(index, Maps(encoded, grid, seen, batch)).ToObjects(scaleFactors, maxDetections, scoreThreshold);
        }

        QueryPredictions predictions = head.Predict(encoded, grid);
        return QueryDecoding.Decode(predictions.Logits[^1], predictions.Boxes[^1], seen.Sizes, scaleFactors, maxDetections, scoreThreshold, QuerySuppression);
    }

    internal (EncoderOutput Encoded, TokenGrid Grid) Encode(ImageBatch batch, Draws? draws)
    {
        Tensor[] levels = Features(batch, draws);
        TokenGrid grid = GridOf(levels, batch);
        if (grid.Levels.Tokens < Config.Queries)
        {
            throw new ConfigException(
                $"Pictures of {batch.PaddedSize.Width}×{batch.PaddedSize.Height} have {grid.Levels.Tokens} cells on the model's levels, fewer than its {Config.Queries} queries; use larger pictures (--short-edge) or a model with fewer queries.");
        }

        using Stage stage = Stage.Of("encoder");
        return (head.Encode(levels, grid), grid);
    }

    internal Tensor[] Features(ImageBatch batch, Draws? draws)
    {
        Tensor[] stages;
        using (Stage.Of("backbone"))
        {
            stages = backbone.Forward(batch.Images.Cast(Precision), draws?.For("backbone"));
        }

        using Stage stage = Stage.Of("neck");
        return neck.Forward(stages);
    }

    /// <summary>What auxiliary heads see.</summary>
    /// <param name="encoded">The encoder's output.</param>
    /// <param name="grid">Its levels.</param>
    /// <param name="seen">The pictures as the model sees them.</param>
    /// <param name="batch">The pictures with their padding.</param>
    internal FeatureMaps Maps(EncoderOutput encoded, TokenGrid grid, ImageBatch seen, ImageBatch batch)
    {
        Tensor[] maps = head.Pyramid(encoded.Memory, grid);
        return new FeatureMaps(maps, new FeatureLevels(maps.Select(map => (map.Shape[1], map.Shape[2]))), seen.ValidSizes, batch.ValidSizes);
    }

    internal static TokenGrid GridOf(Tensor[] levels, ImageBatch batch) =>
        TokenGrid.Of([.. levels.Select(level => new ImageSize(level.Shape[1], level.Shape[2]))], batch);

    /// <summary>The pictures as the model sees them: where it does not know padding, they all fill the batch.</summary>
    internal ImageBatch Seen(ImageBatch batch) =>
        Config.KnowsPadding ? batch : new ImageBatch(batch.Images, [.. batch.Sizes.Select(_ => batch.PaddedSize)]);
}
