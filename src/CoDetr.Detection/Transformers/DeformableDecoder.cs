using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>What the decoder returns for each layer.</summary>
/// <param name="States">The queries after each layer: <c>f32[batch, queries, width]</c>.</param>
/// <param name="References">The boxes after each layer, with gradient: unit <c>f32[batch, queries, 4]</c>.</param>
/// <param name="Boxes">The head's boxes of each layer, which see the layer before too (look forward twice): unit <c>f32[batch, queries, 4]</c>.</param>
internal sealed record DecoderOutput(Tensor[] States, Tensor[] References, Tensor[] Boxes);

/// <summary>Queries talk to each other, look into the memory, and move their boxes, layer after layer (spec/model.md §6.4).</summary>
internal sealed class DeformableDecoder : Module
{
    private readonly DecoderLayer[] layers;

    internal DeformableDecoder(DetectorConfig config) => layers = AddList("layers", config.DecoderLayers, _ => new DecoderLayer(config));

    /// <param name="query">Content: <c>f32[batch, queries, width]</c></param>
    /// <param name="position"><c>f32[batch, queries, width]</c></param>
    /// <param name="memory"><c>f32[batch, tokens, width]</c></param>
    /// <param name="reference">Start boxes, without gradient: unit <c>f32[batch, queries, 4]</c></param>
    /// <param name="branches">One box branch per layer.</param>
    /// <param name="grid">The levels and the padding.</param>
    /// <param name="blocked">Which queries do not see which, <c>u8[queries, queries]</c>; null for none.</param>
    internal DecoderOutput Forward(Tensor query, Tensor position, Tensor memory, Tensor reference, IReadOnlyList<BoxBranch> branches, TokenGrid grid, Tensor? blocked = null)
    {
        DecoderOutput output = new(new Tensor[layers.Length], new Tensor[layers.Length], new Tensor[layers.Length]);
        (int batch, int queries) = (query.Shape[0], query.Shape[1]);
        Tensor ratios = Tensor.Concat(-1, grid.ValidRatios, grid.ValidRatios).Reshape(batch, 1, -1, 4);
        Tensor graph = reference;
        for (int i = 0; i < layers.Length; i++)
        {
            Tensor perLevel = reference.Reshape(batch, queries, 1, 4) * ratios;
            query = layers[i].Forward(query, position, memory, perLevel, grid, blocked);
            Tensor delta = branches[i].Forward(query);
            output.States[i] = query;
            output.Boxes[i] = (delta + graph.InverseSigmoid()).Sigmoid();
            graph = (delta + reference.InverseSigmoid()).Sigmoid();
            output.References[i] = graph;
            reference = graph.Detach();
        }

        return output;
    }
}
