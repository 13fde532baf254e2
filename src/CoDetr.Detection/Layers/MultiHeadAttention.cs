using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Self-attention of queries, PyTorch's packed form (spec/model.md §5.2): q = k = x + position, v = x.</summary>
internal sealed class MultiHeadAttention : Module
{
    private readonly Parameter inWeight;
    private readonly Parameter inBias;
    private readonly Linear outProjection;
    private readonly int width;
    private readonly int heads;

    internal MultiHeadAttention(int width, int heads)
    {
        (this.width, this.heads) = (width, heads);
        inWeight = Add("attn.in_proj_weight", [3 * width, width], Initializer.XavierUniform);
        inBias = Add("attn.in_proj_bias", [3 * width], Initializer.Zero);
        outProjection = Add("attn.out_proj", new Linear(width, width, Initializer.XavierUniform, Initializer.Zero));
    }

    /// <summary>x + attention.</summary>
    /// <param name="x"><c>f32[batch, queries, width]</c></param>
    /// <param name="position"><c>f32[batch, queries, width]</c></param>
    /// <param name="blocked">Which pairs must not look: <c>u8[queries, queries]</c>; null for none.</param>
    /// <returns><c>f32[batch, queries, width]</c></returns>
    internal Tensor Forward(Tensor x, Tensor position, Tensor? blocked = null)
    {
        Tensor moved = x + position;
        Tensor attended = Tensor.Attention(Project(moved, 0), Project(moved, 1), Project(x, 2), heads, blocked);
        return outProjection.Forward(attended, residual: x);
    }

    private Tensor Project(Tensor x, int part) =>
        x.Linear(inWeight.Value.Slice(0, part * width, width), inBias.Value.Slice(0, part * width, width));
}
