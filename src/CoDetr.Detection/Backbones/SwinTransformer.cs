using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>A transformer whose tokens attend within windows that shift from block to block, in four stages (Liu et al., 2021).</summary>
internal sealed class SwinTransformer : Backbone
{
    private readonly SwinConfig config;
    private readonly PatchEmbedding embedding;
    private readonly SwinStage[] stages;
    private readonly Dictionary<int, LayerNorm> norms = [];

    internal SwinTransformer(SwinConfig config)
    {
        this.config = config;
        embedding = Add("patch_embed", new PatchEmbedding(config.EmbedWidth));
        stages = AddList("layers", config.Depths.Count, i => new SwinStage(config, i));
        foreach (int stage in config.OutStages)
        {
            norms[stage] = Add($"norm{stage}", new LayerNorm(config.EmbedWidth << stage));
        }
    }

    /// <inheritdoc/>
    internal override Tensor[] Forward(Tensor images, Draws? draws)
    {
        Tensor x = StepScope.Contain(() => embedding.Forward(images));
        List<Tensor> outputs = [];
        for (int i = 0; i <= config.OutStages.Max(); i++)
        {
            x = stages[i].Forward(x, draws, Recomputes);
            if (norms.TryGetValue(i, out LayerNorm? norm))
            {
                outputs.Add(norm.Forward(x));
            }

            if (i < config.OutStages.Max())
            {
                Tensor input = x;
                x = StepScope.Contain(() => stages[i].Merging!.Forward(input));
            }
        }

        return [.. outputs];
    }

    /// <summary>Each patch of 4×4 pixels becomes a token; pictures are padded by zeros to whole patches.</summary>
    private sealed class PatchEmbedding : Module
    {
        private const int Patch = 4;
        private readonly Parameter weight;
        private readonly Parameter bias;
        private readonly LayerNorm norm;

        internal PatchEmbedding(int width)
        {
            weight = Add("proj.weight", [width, Patch, Patch, 3], Initializer.Default, CheckpointLayout.Convolution);
            bias = Add("proj.bias", [width], Initializer.DefaultBias(Patch * Patch * 3));
            norm = Add("norm", new LayerNorm(width));
        }

        internal Tensor Forward(Tensor images)
        {
            (int batch, int height, int width) = (images.Shape[0], Patches(images.Shape[1]), Patches(images.Shape[2]));
            Tensor patches = images.WindowPartition(Patch).Reshape(batch, height, width, -1);
            return norm.Forward(patches.Linear(weight.Value.Reshape(bias.Value.Shape[0], -1), bias.Value));
        }

        private static int Patches(int pixels) => (pixels + Patch - 1) / Patch;
    }
}

/// <summary>Blocks of one resolution, and what leads to the next.</summary>
internal sealed class SwinStage : Module
{
    private readonly SwinBlock[] blocks;

    internal SwinStage(SwinConfig config, int stage)
    {
        (int width, int before) = (config.EmbedWidth << stage, config.Depths.Take(stage).Sum());
        blocks = AddList("blocks", config.Depths[stage], i => new SwinBlock(
            width, config.Heads[stage], config.Window, i % 2 == 0 ? 0 : config.Window / 2,
            ResidualBranch.RateOf(before + i, config.Depths.Sum(), config.DropPath), $"layers.{stage}.blocks.{i}"));
        Merging = stage < config.Depths.Count - 1 ? Add("downsample", new PatchMerging(width)) : null;
    }

    /// <summary>Leads to the next stage; null in the last.</summary>
    internal PatchMerging? Merging { get; }

    /// <param name="x"><c>real[batch, height, width, channels]</c></param>
    /// <param name="draws">For stochastic depth in training; null when detecting.</param>
    /// <param name="recomputes">Whether each block is computed again in backward instead of being remembered.</param>
    /// <returns><c>real[batch, height, width, channels]</c></returns>
    internal Tensor Forward(Tensor x, Draws? draws, bool recomputes)
    {
        foreach (SwinBlock block in blocks)
        {
            Tensor input = x;
            x = Backbone.Run(block, input, t => block.Forward(t, draws), recomputes);
        }

        return x;
    }
}

/// <summary>Two by two tokens become one of twice the channels.</summary>
internal sealed class PatchMerging : Module
{
    private readonly Linear reduction;
    private readonly LayerNorm norm;

    internal PatchMerging(int width)
    {
        reduction = Add("reduction", new Linear(4 * width, 2 * width, SwinBlock.Start, hasBias: false));
        norm = Add("norm", new LayerNorm(4 * width));
    }

    /// <param name="x"><c>real[batch, height, width, channels]</c></param>
    /// <returns>Half the size, twice the channels: <c>real[batch, height, width, channels]</c>.</returns>
    internal Tensor Forward(Tensor x)
    {
        (int batch, int height, int width) = (x.Shape[0], (x.Shape[1] + 1) / 2, (x.Shape[2] + 1) / 2);
        return reduction.Forward(norm.Forward(x.WindowPartition(2, byColumns: true).Reshape(batch, height, width, -1)));
    }
}
