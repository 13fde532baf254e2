using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>The query head of Co-DINO (spec/model.md §6, §7, spec/collaborative-training.md §6.4); without auxiliary heads it is DINO's.</summary>
internal sealed class DinoQueryHead : QueryHead
{
    private const float Temperature = 20; // of the sine encoding

    private readonly DinoTransformer transformer;
    private readonly Parameter labels;

    internal DinoQueryHead(DetectorConfig config)
        : this(config, new DinoTransformer(config, config.Auxiliary.Count))
    {
    }

    private DinoQueryHead(DetectorConfig config, DinoTransformer transformer)
        : base(config, transformer, transformer.Encoder)
    {
        this.transformer = transformer;
        labels = Add("label_embedding", new Embedding(config.Classes, config.Width)).Weight;
    }

    /// <inheritdoc/>
    internal override EncoderOutput Encode(IReadOnlyList<Tensor> levels, TokenGrid grid) =>
        transformer.Encode(levels, grid.Levels.SineEncoding(grid.Padding, Config.Width / 2, Temperature), grid, ClassBranches[^1], BoxBranches[^1]);

    /// <inheritdoc/>
    internal override QueryGroup MainQueries(EncoderOutput encoded) => transformer.MainQueries(encoded);

    /// <summary>Runs the decoder. The box branches look at the normed states once more, and at the boxes of the layer before: look forward twice.</summary>
    internal override QueryPredictions Decode(EncoderOutput encoded, IReadOnlyList<QueryGroup> groups, TokenGrid grid, int from = 0)
    {
        DinoDecoderOutput output = transformer.Decode(encoded, groups, BoxBranches, grid, Blocked(groups, hidesGaps: false));
        int[] layers = [.. Enumerable.Range(from, output.States.Length - from)];
        return new QueryPredictions(
            [.. layers.Select(i => ClassBranches[i].ForwardF32(output.States[i]))],
            [.. layers.Select(i => (BoxBranches[i].Forward(output.States[i]) + output.References[i].InverseSigmoid(DinoDecoder.Epsilon)).Sigmoid())]);
    }

    private protected override IEnumerable<QueryGroup> DenoisingQueries(Truth truth, Tensor validSizes, DType type, Draws draws) =>
        Config.Denoising is { } settings && QueryDenoising.Make(settings, labels.Value, truth, validSizes, type, draws.For("denoising")) is { } group
            ? [group]
            : [];

    private protected override QueryGroup PositiveGroup(PositiveQueries positives, int head, DType type) => transformer.PositiveGroup(positives, head, type);
}
