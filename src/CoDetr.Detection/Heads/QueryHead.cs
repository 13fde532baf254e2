using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>The predictions of the query head for a batch.</summary>
/// <param name="Logits">Per decoder layer <c>f32[batch, queries, classes]</c>.</param>
/// <param name="Boxes">Per decoder layer unit boxes <c>f32[batch, queries, 4]</c>.</param>
/// <param name="EncoderLogits"><c>f32[batch, tokens, classes]</c></param>
/// <param name="EncoderBoxes">Unit boxes <c>f32[batch, tokens, 4]</c>.</param>
/// <param name="Memory">The encoder's output <c>f32[batch, tokens, width]</c>.</param>
internal sealed record QueryPredictions(IReadOnlyList<Tensor> Logits, IReadOnlyList<Tensor> Boxes, Tensor EncoderLogits, Tensor EncoderBoxes, Tensor Memory);

/// <summary>The one-to-one head that survives to inference: transformer, class and box branches, losses (Co-Deformable form, spec/model.md §6.6).</summary>
internal sealed class QueryHead : Module
{
    private static readonly float RareClass = -MathF.Log(99); // each class starts at a probability of 1 %

    private const float Temperature = 10000; // of the sine encoding, as its offset
    private const float SineOffset = -0.5f;

    private readonly DeformableTransformer transformer;
    private readonly Conv2d downsample;
    private readonly GroupNorm downsampleNorm;
    private readonly Linear[] classBranches;
    private readonly BoxBranch[] boxBranches;
    private readonly Parameter queries;
    private readonly DeformableDetrConfig config;

    internal QueryHead(DeformableDetrConfig config)
    {
        this.config = config;
        transformer = Add("transformer", new DeformableTransformer(config));
        downsample = Add("downsample.0", new Conv2d(config.Width, config.Width, 3, stride: 2, hasBias: true));
        downsampleNorm = Add("downsample.1", new GroupNorm(config.Width));
        Initializer start = Initializer.Default with { Stream = "cls_branch.weight" };
        int branches = config.DecoderLayers + 1;
        classBranches = AddList("cls_branches", branches, _ => new Linear(config.Width, config.Classes, start, Initializer.Constant(RareClass)));
        boxBranches = AddList("reg_branches", branches, _ => new BoxBranch(config.Width));
        queries = Add("query_embedding", new Embedding(config.Queries, config.Width)).Weight;
    }

    internal DeformableTransformer Transformer => transformer;

    internal QueryPredictions Forward(IReadOnlyList<Tensor> levels, TokenGrid grid)
    {
        Tensor sine = grid.Levels.SineEncoding(grid.Padding, config.Width / 2, Temperature, SineOffset);
        TransformerOutput output = transformer.Forward(levels, sine, grid, queries.Value, classBranches[^1], boxBranches);
        Tensor[] logits = [.. output.Decoder.States.Select((state, i) => classBranches[i].ForwardF32(state))];
        return new QueryPredictions(logits, output.Decoder.Boxes, output.EncoderLogits, output.EncoderBoxes, output.Memory);
    }

    /// <summary>The memory as maps again, and one coarser map: what auxiliary heads read (spec/model.md §6.7).</summary>
    internal Tensor[] Pyramid(Tensor memory, TokenGrid grid)
    {
        (int batch, int start) = (memory.Shape[0], 0);
        List<Tensor> maps = [];
        foreach ((int height, int width) in Enumerable.Range(0, grid.Levels.Count).Select(i => grid.Levels[i]))
        {
            maps.Add(memory.Slice(1, start, height * width).Reshape(batch, height, width, config.Width));
            start += height * width;
        }

        return [.. maps, downsampleNorm.Forward(downsample.Forward(maps[^1]))];
    }

    internal LossTable Losses(QueryPredictions predictions, Truth truth, Tensor validSizes) =>
        SetPredictionLoss.Compute(predictions, SetPredictionLoss.ToMatch(truth, validSizes), config);
}

/// <summary>A learned table.</summary>
internal sealed class Embedding : Module
{
    internal Embedding(int rows, int width) => Weight = Add("weight", [rows, width], Initializer.Normal);

    internal Parameter Weight { get; }
}
