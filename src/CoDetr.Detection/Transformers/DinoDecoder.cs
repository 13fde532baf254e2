using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>What DINO's decoder returns.</summary>
/// <param name="States">The queries after each layer, through the shared norm: <c>real[batch, queries, width]</c>.</param>
/// <param name="References">The boxes that each layer starts from, with gradient, and those after the last: unit <c>f32[batch, queries, 4]</c>.</param>
internal sealed record DinoDecoderOutput(Tensor[] States, Tensor[] References);

/// <summary>A decoder whose queries stand where their boxes are: their position is computed from these before each layer (spec/model.md §6.2, §6.4).</summary>
internal sealed class DinoDecoder : Module
{
    /// <summary>The smallest number whose logarithm is taken when boxes become logits.</summary>
    internal const float Epsilon = 1e-3f;

    private readonly DecoderLayer[] layers;
    private readonly Linear firstOfPosition;
    private readonly Linear lastOfPosition;
    private readonly LayerNorm norm;
    private readonly int width;

    internal DinoDecoder(DetectorConfig config)
    {
        width = config.Width;
        layers = AddList("layers", config.DecoderLayers, _ => new DecoderLayer(config));
        firstOfPosition = Add("ref_point_head.0", new Linear(2 * width, width, Initializer.XavierUniform));
        lastOfPosition = Add("ref_point_head.2", new Linear(width, width, Initializer.XavierUniform));
        norm = Add("norm", new LayerNorm(width));
    }

    /// <param name="query">Content: <c>real[batch, queries, width]</c></param>
    /// <param name="memory"><c>real[batch, tokens, width]</c></param>
    /// <param name="reference">Start boxes, without gradient: unit <c>f32[batch, queries, 4]</c></param>
    /// <param name="branches">One box branch per layer.</param>
    /// <param name="grid">The levels and the padding.</param>
    /// <param name="blocked">Which queries do not see which, <c>u8[queries, queries]</c>; null for none.</param>
    internal DinoDecoderOutput Forward(Tensor query, Tensor memory, Tensor reference, IReadOnlyList<BoxBranch> branches, TokenGrid grid, Tensor? blocked = null)
    {
        (int batch, int queries) = (query.Shape[0], query.Shape[1]);
        DinoDecoderOutput output = new(new Tensor[layers.Length], new Tensor[layers.Length + 1]);
        output.References[0] = reference;
        Tensor ratios = Tensor.Concat(-1, grid.ValidRatios, grid.ValidRatios).Reshape(batch, 1, -1, 4);
        for (int i = 0; i < layers.Length; i++)
        {
            Tensor perLevel = reference.Reshape(batch, queries, 1, 4) * ratios;
            query = layers[i].Forward(query, Position(perLevel.Slice(2, 0, 1).Reshape(batch, queries, 4), query.DType), memory, perLevel, grid, blocked);
            output.States[i] = norm.Forward(query);
            output.References[i + 1] = (branches[i].Forward(query) + reference.InverseSigmoid(Epsilon)).Sigmoid();
            reference = output.References[i + 1].Detach();
        }

        return output;
    }

    /// <param name="boxes">Fractions of the finest level: <c>f32[batch, queries, 4]</c>.</param>
    /// <param name="output">The type of the result.</param>
    private Tensor Position(Tensor boxes, DType output) =>
        lastOfPosition.Forward(firstOfPosition.Forward(boxes.SineEmbedding(width / 2, yFirst: true, output: output), Activation.Relu));
}
