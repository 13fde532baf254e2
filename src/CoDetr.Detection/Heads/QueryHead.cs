using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>What the encoder offers to the decoder and to the encoder's loss.</summary>
/// <param name="Memory"><c>real[batch, tokens, width]</c></param>
/// <param name="Logits">Of the proposals that are trained: <c>f32[batch, proposals, classes]</c>.</param>
/// <param name="Boxes">Their unit boxes <c>f32[batch, proposals, 4]</c>.</param>
/// <param name="Reference">The chosen proposals, no gradient: unit boxes <c>f32[batch, queries, 4]</c>.</param>
internal sealed record EncoderOutput(Tensor Memory, Tensor Logits, Tensor Boxes, Tensor Reference);

/// <summary>What the decoder predicts.</summary>
/// <param name="Logits">Per layer <c>f32[batch, queries, classes]</c>.</param>
/// <param name="Boxes">Per layer unit boxes <c>f32[batch, queries, 4]</c>.</param>
internal sealed record QueryPredictions(IReadOnlyList<Tensor> Logits, IReadOnlyList<Tensor> Boxes);

/// <summary>
/// The one-to-one head that survives to inference: transformer, class and box branches, losses. In training all queries of a picture — denoising, main, and
/// the positives of auxiliary heads — pass through the decoder at once (spec/model.md §6.6, spec/collaborative-training.md §6).
/// </summary>
internal abstract class QueryHead : Module
{
    private static readonly float RareClass = -MathF.Log(99); // each class starts at a probability of 1 %

    private readonly DeformableEncoder encoder;
    private readonly LevelConv? downsample;
    private readonly MultiScaleAdapter? adapter;

    private protected QueryHead(DetectorConfig config, Module transformer, DeformableEncoder encoder)
    {
        (Config, this.encoder) = (config, encoder);
        Add("transformer", transformer);
        if (config.Levels > 1)
        {
            downsample = Add("downsample", new LevelConv(config.Width, stride: 2));
        }
        else
        {
            adapter = Add("adapter", new MultiScaleAdapter(config.Width));
        }

        Initializer start = Initializer.Default with { Stream = "cls_branch.weight" };
        int branches = config.DecoderLayers + 1;
        ClassBranches = AddList("cls_branches", branches, _ => new Linear(config.Width, config.Classes, start, Initializer.Constant(RareClass)));
        BoxBranches = AddList("reg_branches", branches, _ => new BoxBranch(config.Width));
    }

    /// <summary>Whether encoder layers are computed again in backward.</summary>
    internal bool Recomputes
    {
        get => encoder.Recomputes;
        set => encoder.Recomputes = value;
    }

    private protected DetectorConfig Config { get; }

    /// <summary>One of each decoder layer, then that of the encoder.</summary>
    private protected IReadOnlyList<Linear> ClassBranches { get; }

    /// <summary>One of each decoder layer, then that of the encoder.</summary>
    private protected IReadOnlyList<BoxBranch> BoxBranches { get; }

    /// <summary>Runs the encoder and chooses proposals.</summary>
    /// <param name="levels">The neck's maps, finest first: <c>real[batch, height, width, channels]</c> each.</param>
    /// <param name="grid">The levels and the padding.</param>
    internal abstract EncoderOutput Encode(IReadOnlyList<Tensor> levels, TokenGrid grid);

    /// <summary>The main queries.</summary>
    internal abstract QueryGroup MainQueries(EncoderOutput encoded);

    /// <summary>Runs the decoder over groups of queries.</summary>
    /// <param name="encoded">What the decoder looks at.</param>
    /// <param name="groups">The queries.</param>
    /// <param name="grid">The levels and the padding.</param>
    /// <param name="from">The first layer whose predictions are wanted; the last one's suffice for inference.</param>
    internal abstract QueryPredictions Decode(EncoderOutput encoded, IReadOnlyList<QueryGroup> groups, TokenGrid grid, int from = 0);

    /// <summary>What inference needs: the main queries alone, as the last layer predicts them.</summary>
    internal QueryPredictions Predict(EncoderOutput encoded, TokenGrid grid) => Decode(encoded, [MainQueries(encoded)], grid, Config.DecoderLayers - 1);

    /// <summary>The queries of a training step.</summary>
    internal IReadOnlyList<QueryGroup> TrainingQueries(EncoderOutput encoded, IReadOnlyList<PositiveQueries> positives, Truth truth, Tensor validSizes, Draws draws)
    {
        QueryGroup[] extra = [.. positives.Select((queries, head) => PositiveGroup(queries, head, encoded.Memory.DType))];
        return [.. DenoisingQueries(truth, validSizes, encoded.Memory.DType, draws), MainQueries(encoded), .. extra];
    }

    /// <summary>
    /// What auxiliary heads read: the memory as maps again, and one coarser map (spec/model.md §6.7); of a single level the adapter's maps.
    /// </summary>
    internal Tensor[] Pyramid(Tensor memory, TokenGrid grid)
    {
        (int batch, int start) = (memory.Shape[0], 0);
        List<Tensor> maps = [];
        foreach ((int height, int width) in Enumerable.Range(0, grid.Levels.Count).Select(i => grid.Levels[i]))
        {
            maps.Add(memory.Slice(1, start, height * width).Reshape(batch, height, width, Config.Width));
            start += height * width;
        }

        return adapter is null ? [.. maps, downsample!.Forward(maps[^1])] : adapter.Forward(maps[0]);
    }

    /// <summary>Queries of known objects with noise; none by default.</summary>
    private protected virtual IEnumerable<QueryGroup> DenoisingQueries(Truth truth, Tensor validSizes, DType type, Draws draws) => [];

    /// <summary>Positive queries of the head of a number.</summary>
    private protected abstract QueryGroup PositiveGroup(PositiveQueries queries, int head, DType type);

    /// <summary>Which queries do not see which; null where there is one group that sees itself.</summary>
    /// <param name="groups">The groups.</param>
    /// <param name="hidesGaps">Whether queries that only fill gaps are hidden.</param>
    private protected static Tensor? Blocked(IReadOnlyList<QueryGroup> groups, bool hidesGaps)
    {
        if (groups.Count == 1 && groups[0].Span.Parts == 1 && !hidesGaps)
        {
            return null;
        }

        int main = Enumerable.Range(0, groups.Count).FirstOrDefault(i => groups[i].Assignment is null);
        Tensor? match = hidesGaps ? Tensor.Concat(1, [.. groups.Select(group => group.Assignment?.Index ?? Unmatched(group))]) : null;
        return Tensor.BlockedQueries([.. groups.Select(group => group.Span)], main, match);
    }

    private static Tensor Unmatched(QueryGroup group) => Tensor.Zeros([group.Reference.Shape[0], group.Reference.Shape[1]], DType.I32);
}

/// <summary>A learned table.</summary>
internal sealed class Embedding : Module
{
    internal Embedding(int rows, int width, Initializer? start = null) => Weight = Add("weight", [rows, width], start ?? Initializer.Normal);

    internal Parameter Weight { get; }
}
