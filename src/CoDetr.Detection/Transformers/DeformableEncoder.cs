using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Every token looks at a few places on every level, layer after layer (spec/model.md §6.1).</summary>
internal sealed class DeformableEncoder : Module
{
    private readonly EncoderLayer[] layers;

    internal DeformableEncoder(DetectorConfig config) => layers = AddList("layers", config.EncoderLayers, _ => new EncoderLayer(config));

    /// <summary>Whether each layer is computed again in backward instead of being remembered.</summary>
    internal bool Recomputes { get; set; }

    /// <param name="tokens"><c>f32[batch, tokens, width]</c></param>
    /// <param name="position"><c>f32[batch, tokens, width]</c></param>
    /// <param name="reference">Each token's own place on every level: <c>f32[batch, tokens, levels, 2]</c></param>
    /// <param name="grid">The levels and the padding.</param>
    /// <returns>The memory, <c>f32[batch, tokens, width]</c>.</returns>
    internal Tensor Forward(Tensor tokens, Tensor position, Tensor reference, TokenGrid grid)
    {
        foreach (EncoderLayer layer in layers)
        {
            Tensor input = tokens;
            tokens = Recomputes
                ? Recompute.Run([input, position], t => layer.Forward(t[0], t[1], reference, grid), layer.NamedParameters().Select(p => p.Parameter.Value))
                : StepScope.Contain(() => layer.Forward(input, position, reference, grid));
        }

        return tokens;
    }

    private sealed class EncoderLayer : Module
    {
        private readonly DeformableAttention attention;
        private readonly FeedForward feedForward;
        private readonly LayerNorm[] norms;

        internal EncoderLayer(DetectorConfig config)
        {
            attention = Add("attentions.0", new DeformableAttention(config.Width, config.Heads, config.Levels, config.Points));
            feedForward = Add("ffns.0", new FeedForward(config.Width, config.FeedForward));
            norms = AddList("norms", 2, _ => new LayerNorm(config.Width));
        }

        internal Tensor Forward(Tensor x, Tensor position, Tensor reference, TokenGrid grid)
        {
            x = norms[0].Forward(attention.Forward(x, position, x, reference, grid));
            return norms[1].Forward(feedForward.Forward(x));
        }
    }
}
