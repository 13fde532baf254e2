using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Self-attention of the queries, deformable attention to the memory, feed-forward; norms behind (spec/model.md §5.4).</summary>
internal sealed class DecoderLayer : Module
{
    private readonly MultiHeadAttention selfAttention;
    private readonly DeformableAttention crossAttention;
    private readonly FeedForward feedForward;
    private readonly LayerNorm[] norms;

    internal DecoderLayer(DetectorConfig config)
    {
        selfAttention = Add("attentions.0", new MultiHeadAttention(config.Width, config.Heads));
        crossAttention = Add("attentions.1", new DeformableAttention(config.Width, config.Heads, config.Levels, config.Points));
        feedForward = Add("ffns.0", new FeedForward(config.Width, config.FeedForward));
        norms = AddList("norms", 3, _ => new LayerNorm(config.Width));
    }

    /// <param name="x">Content: <c>real[batch, queries, width]</c></param>
    /// <param name="position"><c>real[batch, queries, width]</c></param>
    /// <param name="memory"><c>real[batch, tokens, width]</c></param>
    /// <param name="reference">Boxes per level, fractions of the padded input: <c>f32[batch, queries, levels, 4]</c></param>
    /// <param name="grid">The levels and the padding.</param>
    /// <param name="blocked">Which queries do not see which; null for none.</param>
    internal Tensor Forward(Tensor x, Tensor position, Tensor memory, Tensor reference, TokenGrid grid, Tensor? blocked)
    {
        x = norms[0].Forward(selfAttention.Forward(x, position, blocked));
        x = norms[1].Forward(crossAttention.Forward(x, position, memory, reference, grid));
        return norms[2].Forward(feedForward.Forward(x));
    }
}
