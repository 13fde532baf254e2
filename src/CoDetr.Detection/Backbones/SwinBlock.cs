using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Attention within windows, then two linear layers; both normalise first and are residual.</summary>
internal sealed class SwinBlock : Module
{
    private readonly LayerNorm attentionNorm;
    private readonly Attention attention;
    private readonly LayerNorm hiddenNorm;
    private readonly Linear widen;
    private readonly Linear narrow;
    private readonly ResidualBranch first;
    private readonly ResidualBranch second;

    /// <param name="width">Channels.</param>
    /// <param name="heads">Attention heads.</param>
    /// <param name="window">Height and width of a window.</param>
    /// <param name="shift">How far windows are shifted.</param>
    /// <param name="dropPath">The share of pictures that skip a branch in training.</param>
    /// <param name="name">Under which it draws.</param>
    internal SwinBlock(int width, int heads, int window, int shift, float dropPath = 0, string name = "")
    {
        attentionNorm = Add("norm1", new LayerNorm(width));
        attention = Add("attn", new Attention(width, heads, window, shift));
        hiddenNorm = Add("norm2", new LayerNorm(width));
        widen = Add("mlp.fc1", new Linear(width, 4 * width, Start, Initializer.Zero));
        narrow = Add("mlp.fc2", new Linear(4 * width, width, Start, Initializer.Zero));
        first = new ResidualBranch(dropPath, $"{name}.attn");
        second = new ResidualBranch(dropPath, $"{name}.mlp");
    }

    /// <summary>How linear layers of transformers start.</summary>
    internal static Initializer Start { get; } = Initializer.Gaussian(0.02); // the reference cuts off at ±2, which no draw reaches

    /// <param name="x"><c>real[batch, height, width, channels]</c></param>
    /// <param name="draws">For stochastic depth in training; null when detecting.</param>
    /// <returns><c>real[batch, height, width, channels]</c></returns>
    internal Tensor Forward(Tensor x, Draws? draws = null)
    {
        x = first.Join(x, draws, residual => attention.Forward(attentionNorm.Forward(x), residual));
        return second.Join(x, draws, residual => narrow.Forward(widen.Forward(hiddenNorm.Forward(x), Activation.Gelu), residual: residual));
    }

    private sealed class Attention : Module
    {
        private readonly Parameter table;
        private readonly Parameter weight;
        private readonly Parameter bias;
        private readonly Linear projection;
        private readonly int window;
        private readonly int shift;

        internal Attention(int width, int heads, int window, int shift)
        {
            (this.window, this.shift) = (window, shift);
            int side = (2 * window) - 1, cells = window * window;
            table = Add("relative_position_bias_table", [side * side, heads], Start);
            AddDerived("relative_position_index", [cells, cells], DType.I64);
            weight = Add("qkv.weight", [3 * width, width], Start);
            bias = Add("qkv.bias", [3 * width], Initializer.Zero);
            projection = Add("proj", new Linear(width, width, Start, Initializer.Zero));
        }

        /// <summary>Cells beyond the map are zeros, so their queries, keys and values are the bias.</summary>
        internal Tensor Forward(Tensor x, Tensor? residual) =>
            projection.Forward(x.Linear(weight.Value, bias.Value).WindowAttention(bias.Value, table.Value, window, shift), residual: residual);
    }
}
