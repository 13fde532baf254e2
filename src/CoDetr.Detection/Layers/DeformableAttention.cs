using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Multi-scale deformable attention with its projections (Zhu et al., 2021; spec/model.md §5.1).</summary>
internal sealed class DeformableAttention : Module
{
    private readonly Linear samplingOffsets;
    private readonly Linear attentionWeights;
    private readonly Linear valueProjection;
    private readonly Linear outputProjection;
    private readonly int heads;
    private readonly int levels;
    private readonly int points;

    internal DeformableAttention(int width, int heads, int levels, int points)
    {
        (this.heads, this.levels, this.points) = (heads, levels, points);
        int samples = heads * levels * points;
        samplingOffsets = Add("sampling_offsets", new Linear(width, samples * 2, Initializer.Zero, Initializer.Exactly(Directions)));
        attentionWeights = Add("attention_weights", new Linear(width, samples, Initializer.Zero, Initializer.Zero));
        valueProjection = Add("value_proj", new Linear(width, width, Initializer.XavierUniform, Initializer.Zero));
        outputProjection = Add("output_proj", new Linear(width, width, Initializer.XavierUniform, Initializer.Zero));
    }

    /// <summary>query + attention; the identity is the query without its position.</summary>
    /// <param name="query"><c>f32[batch, queries, width]</c></param>
    /// <param name="position">Added to the query for offsets and weights: <c>f32[batch, queries, width]</c></param>
    /// <param name="memory"><c>f32[batch, tokens, width]</c>, the values before projection.</param>
    /// <param name="reference">Points or boxes per level, fractions of the padded input: <c>f32[batch, queries, levels, 2 or 4]</c></param>
    /// <param name="grid">The levels, and which tokens are padding.</param>
    /// <returns><c>f32[batch, queries, width]</c></returns>
    internal Tensor Forward(Tensor query, Tensor position, Tensor memory, Tensor reference, TokenGrid grid)
    {
        (int batch, int queries, int width) = (query.Shape[0], query.Shape[1], query.Shape[2]);
        int tokens = memory.Shape[1];
        Tensor value = valueProjection.Forward(memory);
        if (grid.IsPadded)
        {
            value = value.MaskedFill(grid.Padding.Reshape(batch, tokens, 1), 0);
        }

        Tensor moved = query + position;
        Tensor offsets = samplingOffsets.ForwardF32(moved).Reshape(batch, queries, heads, levels, points, 2);
        Tensor logits = attentionWeights.ForwardF32(moved).Reshape(batch, queries, heads, levels, points);
        Tensor sampled = value.Reshape(batch, tokens, heads, width / heads).DeformAttnFused(grid.Levels, reference, offsets, logits);
        return outputProjection.Forward(sampled.Reshape(batch, queries, width), residual: query);
    }

    /// <summary>Each head starts looking in its own direction, each point one cell further.</summary>
    private float[] Directions()
    {
        float[] bias = new float[heads * levels * points * 2];
        for (int head = 0; head < heads; head++)
        {
            double angle = head * 2 * Math.PI / heads;
            (double x, double y) = (Math.Cos(angle), Math.Sin(angle));
            double longest = Math.Max(Math.Abs(x), Math.Abs(y));
            for (int level = 0; level < levels; level++)
            {
                for (int point = 0; point < points; point++)
                {
                    int at = ((((head * levels) + level) * points) + point) * 2;
                    bias[at] = (float)(x / longest * (point + 1));
                    bias[at + 1] = (float)(y / longest * (point + 1));
                }
            }
        }

        return bias;
    }
}
