using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>A plain vision transformer in the manner of EVA-02: one resolution, rotary positions, gated layers, most blocks within windows (Fang et al., 2023).</summary>
internal sealed class VisionTransformer : Backbone
{
    private readonly VisionTransformerConfig config;
    private readonly Parameter positions;
    private readonly PatchEmbedding embedding;
    private readonly VisionBlock[] blocks;
    private readonly LayerNorm norm;

    internal VisionTransformer(VisionTransformerConfig config)
    {
        this.config = config;
        (int width, int grid, int channels) = (config.Width, config.PretrainSize / config.Patch, config.Width / config.Heads);
        positions = Add("pos_embed", [1, 1 + (grid * grid), width], VisionBlock.Start);
        embedding = Add("patch_embed", new PatchEmbedding(config.Patch, width));
        Add("rope_win", new RotaryTables(config.Window, channels));
        if (config.FixedSize is int size)
        {
            Add("rope_glb", new RotaryTables(size / config.Patch, channels));
        }

        blocks = AddList("blocks", config.Depth, i => new VisionBlock(
            width, config.Heads, config.Hidden, config.WindowBlocks.Contains(i) ? config.Window : null, config.FixedSize / config.Patch,
            ResidualBranch.RateOf(i, config.Depth, config.DropPath), $"blocks.{i}"));
        norm = Add("out_norm", new LayerNorm(width));
    }

    /// <inheritdoc/>
    internal override Tensor[] Forward(Tensor images, Draws? draws)
    {
        if (config.FixedSize is int size)
        {
            Check.That(images.Shape[1] == size && images.Shape[2] == size, $"this transformer takes pictures of {size}×{size} only, got {images.Shape}.", nameof(VisionTransformer));
        }

        Tensor x = StepScope.Contain(() =>
        {
            Tensor patches = embedding.Forward(images);
            return patches + PositionsOf(positions.Value, patches.Shape[1], patches.Shape[2]).Cast(patches.DType);
        });
        foreach (VisionBlock block in blocks)
        {
            Tensor input = x;
            x = Run(block, input, t => block.Forward(t, draws), Recomputes);
        }

        return [norm.Forward(x)];
    }

    /// <summary>The learned positions of a square grid, resized to a map; the first one, of the class token, is left out.</summary>
    /// <param name="positions"><c>f32[1, tokens, channels]</c></param>
    /// <param name="height">Of the map.</param>
    /// <param name="width">Of the map.</param>
    /// <returns><c>f32[1, height, width, channels]</c></returns>
    internal static Tensor PositionsOf(Tensor positions, int height, int width)
    {
        int tokens = positions.Shape[1] - 1, side = (int)Math.Sqrt(tokens);
        Tensor grid = positions.Slice(1, 1, tokens).Reshape(1, side, side, positions.Shape[2]);
        return (height, width) == (side, side) ? grid : grid.Interpolate((height, width), Sampling.Bicubic);
    }

    /// <summary>Each patch becomes a token; what is left of a picture at the right and bottom is not looked at.</summary>
    private sealed class PatchEmbedding : Module
    {
        private readonly Parameter weight;
        private readonly Parameter bias;
        private readonly int patch;

        internal PatchEmbedding(int patch, int width)
        {
            weight = Add("proj.weight", [width, patch, patch, 3], Initializer.Default, CheckpointLayout.Convolution);
            bias = Add("proj.bias", [width], Initializer.DefaultBias(patch * patch * 3));
            this.patch = patch;
        }

        internal Tensor Forward(Tensor images) => images.Conv2d(weight.Value, new Convolution { Stride = patch, Bias = bias.Value });
    }
}

/// <summary>Lists the cosines and sines that checkpoints hold; here they follow from places.</summary>
internal sealed class RotaryTables : Module
{
    internal RotaryTables(int side, int channels)
    {
        AddDerived("freqs_cos", [side * side, channels]);
        AddDerived("freqs_sin", [side * side, channels]);
    }
}
