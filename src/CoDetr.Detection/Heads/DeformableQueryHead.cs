using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>The query head of Co-Deformable-DETR (spec/model.md §6, spec/collaborative-training.md §6.3).</summary>
internal sealed class DeformableQueryHead : QueryHead
{
    private const float Temperature = 10000; // of the sine encoding, as its offset
    private const float SineOffset = -0.5f;

    private readonly DeformableTransformer transformer;
    private readonly Parameter queries;

    internal DeformableQueryHead(DetectorConfig config)
        : this(config, new DeformableTransformer(config))
    {
    }

    private DeformableQueryHead(DetectorConfig config, DeformableTransformer transformer)
        : base(config, transformer, transformer.Encoder)
    {
        this.transformer = transformer;
        queries = Add("query_embedding", new Embedding(config.Queries, config.Width)).Weight;
    }

    /// <inheritdoc/>
    internal override EncoderOutput Encode(IReadOnlyList<Tensor> levels, TokenGrid grid)
    {
        Tensor sine = grid.Levels.SineEncoding(grid.Padding, Config.Width / 2, Temperature, SineOffset);
        return transformer.Encode(levels, sine, grid, Config.Queries, ClassBranches[^1], BoxBranches[^1]);
    }

    /// <inheritdoc/>
    internal override QueryGroup MainQueries(EncoderOutput encoded) => transformer.MainQueries(encoded, queries.Value);

    /// <inheritdoc/>
    internal override QueryPredictions Decode(EncoderOutput encoded, IReadOnlyList<QueryGroup> groups, TokenGrid grid, int from = 0)
    {
        DecoderOutput output = transformer.Decode(encoded, groups, BoxBranches, grid, Blocked(groups, hidesGaps: Config.Positives.PadsWithZeros && groups.Count > 1));
        int[] layers = [.. Enumerable.Range(from, output.States.Length - from)];
        return new QueryPredictions([.. layers.Select(i => ClassBranches[i].ForwardF32(output.States[i]))], [.. layers.Select(i => output.Boxes[i])]);
    }

    private protected override QueryGroup PositiveGroup(PositiveQueries positives, int head, DType type) => transformer.PositiveGroup(positives, head, type);
}
