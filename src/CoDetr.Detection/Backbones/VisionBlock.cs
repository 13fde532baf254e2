using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Attention of a map or within its windows, then a gated layer; both normalise first and are residual.</summary>
internal sealed class VisionBlock : Module
{
    private const float Epsilon = 1e-6f;
    private readonly LayerNorm attentionNorm;
    private readonly Attention attention;
    private readonly LayerNorm hiddenNorm;
    private readonly GatedLayers hiddenLayers;
    private readonly ResidualBranch first;
    private readonly ResidualBranch second;

    /// <param name="width">Channels.</param>
    /// <param name="heads">Attention heads.</param>
    /// <param name="hidden">Channels of the gated layer.</param>
    /// <param name="window">Height and width of a window; null for attention of the whole map.</param>
    /// <param name="side">Height and width of the only map that it takes, whose rotations checkpoints hold; null for any.</param>
    /// <param name="dropPath">The share of pictures that skip a branch in training.</param>
    /// <param name="name">Under which it draws.</param>
    internal VisionBlock(int width, int heads, int hidden, int? window, int? side = null, float dropPath = 0, string name = "")
    {
        attentionNorm = Add("norm1", new LayerNorm(width, Epsilon));
        attention = Add("attn", new Attention(width, heads, window, side));
        hiddenNorm = Add("norm2", new LayerNorm(width, Epsilon));
        hiddenLayers = Add("mlp", new GatedLayers(width, hidden, Epsilon));
        first = new ResidualBranch(dropPath, $"{name}.attn");
        second = new ResidualBranch(dropPath, $"{name}.mlp");
    }

    /// <summary>How linear layers of transformers start.</summary>
    internal static Initializer Start => SwinBlock.Start;

    /// <param name="x"><c>real[batch, height, width, channels]</c></param>
    /// <param name="draws">For stochastic depth in training; null when detecting.</param>
    /// <returns><c>real[batch, height, width, channels]</c></returns>
    internal Tensor Forward(Tensor x, Draws? draws = null)
    {
        x = first.Join(x, draws, residual => attention.Forward(attentionNorm.Forward(x), residual));
        return second.Join(x, draws, residual => hiddenLayers.Forward(hiddenNorm.Forward(x), residual));
    }

    private sealed class Attention : Module
    {
        private readonly Parameter queryBias;
        private readonly Parameter valueBias;
        private readonly Parameter queryWeight;
        private readonly Parameter keyWeight;
        private readonly Parameter valueWeight;
        private readonly Linear projection;
        private readonly int heads;
        private readonly int? window;

        internal Attention(int width, int heads, int? window, int? side)
        {
            (this.heads, this.window) = (heads, window);
            queryBias = Add("q_bias", [width], Initializer.Zero);
            valueBias = Add("v_bias", [width], Initializer.Zero);
            queryWeight = Add("q_proj.weight", [width, width], Start);
            keyWeight = Add("k_proj.weight", [width, width], Start);
            valueWeight = Add("v_proj.weight", [width, width], Start);
            if ((window ?? side) is int listed)
            {
                Add("rope", new RotaryTables(listed, width / heads));
            }

            projection = Add("proj", new Linear(width, width, Start, Initializer.Zero));
        }

        internal Tensor Forward(Tensor x, Tensor? residual)
        {
            Spatial map = (x.Shape[1], x.Shape[2]);
            Tensor query = x.Linear(queryWeight.Value, queryBias.Value).Rotary(heads, window);
            Tensor key = x.Linear(keyWeight.Value).Rotary(heads, window), value = x.Linear(valueWeight.Value, valueBias.Value);
            Tensor attended = window is int size ? InWindows(query, key, value, size) : OfMap(query, key, value);
            return projection.Forward(attended.Reshape(x.Shape), residual: residual);
        }

        /// <summary>Cells beyond the map are zeros before the projections: their keys are zeros, their values the bias; their queries are not asked for.</summary>
        private Tensor InWindows(Tensor query, Tensor key, Tensor value, int size) => Tensor
            .Attention(query.WindowPartition(size), key.WindowPartition(size), value.WindowPartition(size, valueBias.Value), heads)
            .WindowMerge(size, (query.Shape[1], query.Shape[2]));

        private Tensor OfMap(Tensor query, Tensor key, Tensor value)
        {
            Shape tokens = [query.Shape[0], query.Shape[1] * query.Shape[2], query.Shape[3]];
            return Tensor.Attention(query.Reshape(tokens), key.Reshape(tokens), value.Reshape(tokens), heads);
        }
    }
}

/// <summary>W₃ norm(silu(W₁ x + b₁) · (W₂ x + b₂)) + b₃ (spec/model.md §2.3).</summary>
internal sealed class GatedLayers : Module
{
    private readonly Linear gate;
    private readonly Linear content;
    private readonly LayerNorm norm;
    private readonly Linear narrow;

    internal GatedLayers(int width, int hidden, float epsilon)
    {
        gate = Add("w1", new Linear(width, hidden, SwinBlock.Start, Initializer.Zero));
        content = Add("w2", new Linear(width, hidden, SwinBlock.Start, Initializer.Zero));
        norm = Add("ffn_ln", new LayerNorm(hidden, epsilon));
        narrow = Add("w3", new Linear(hidden, width, SwinBlock.Start, Initializer.Zero));
    }

    /// <param name="x"><c>real[..., channels]</c></param>
    /// <param name="residual">Added at the end; null for nothing.</param>
    /// <returns><c>real[..., channels]</c></returns>
    internal Tensor Forward(Tensor x, Tensor? residual) =>
        narrow.Forward(norm.Forward(gate.Forward(x).SiluTimes(content.Forward(x))), residual: residual);
}
