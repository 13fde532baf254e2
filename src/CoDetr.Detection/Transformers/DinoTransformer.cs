using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>
/// The transformer of Co-DINO (spec/model.md §6): the tokens that score highest in any class become the queries' places, a learned table their content; queries
/// of other groups join them in the same pass.
/// </summary>
internal sealed class DinoTransformer : Module
{
    private readonly Parameter levelEmbeddings;
    private readonly DeformableEncoder encoder;
    private readonly DinoDecoder decoder;
    private readonly Linear encoderOutput;
    private readonly LayerNorm encoderOutputNorm;
    private readonly Parameter queries;
    private readonly Linear[] auxiliaryPositions;
    private readonly LayerNorm[] auxiliaryPositionNorms;
    private readonly Linear[] auxiliaryFeatures;
    private readonly LayerNorm[] auxiliaryFeatureNorms;
    private readonly int width;

    /// <param name="config">Sizes.</param>
    /// <param name="heads">Auxiliary heads whose positives become queries.</param>
    /// <param name="hasFeatures">Whether these queries carry the features at their place too.</param>
    internal DinoTransformer(DetectorConfig config, int heads, bool hasFeatures = false)
    {
        width = config.Width;
        int featureHeads = hasFeatures ? heads : 0;
        levelEmbeddings = Add("level_embeds", [config.Levels, width], Initializer.Normal);
        encoder = Add("encoder", new DeformableEncoder(config));
        decoder = Add("decoder", new DinoDecoder(config));
        encoderOutput = Add("enc_output", new Linear(width, width, Initializer.XavierUniform));
        encoderOutputNorm = Add("enc_output_norm", new LayerNorm(width));
        queries = Add("query_embed", new Embedding(config.Queries, width)).Weight;
        auxiliaryPositions = AddList("aux_pos_trans", heads, _ => new Linear(2 * width, width, Initializer.XavierUniform));
        auxiliaryPositionNorms = AddList("aux_pos_trans_norm", heads, _ => new LayerNorm(width));
        auxiliaryFeatures = AddList("pos_feats_trans", featureHeads, _ => new Linear(width, width, Initializer.XavierUniform));
        auxiliaryFeatureNorms = AddList("pos_feats_norm", featureHeads, _ => new LayerNorm(width));
    }

    internal int Width => width;

    internal DeformableEncoder Encoder => encoder;

    internal DinoDecoder Decoder => decoder;

    /// <summary>The memory: <c>real[batch, tokens, width]</c>.</summary>
    /// <param name="levels">The neck's maps, finest first: <c>real[batch, height, width, channels]</c> each.</param>
    /// <param name="sine">The sine encoding of each token: <c>f32[batch, tokens, width]</c>.</param>
    /// <param name="grid">The levels and the padding.</param>
    internal Tensor Encode(IReadOnlyList<Tensor> levels, Tensor sine, TokenGrid grid)
    {
        Tensor tokens = Tensor.Concat(1, [.. levels.Select(level => level.Reshape(level.Shape[0], -1, width))]);
        Tensor position = (sine + levelEmbeddings.Value.IndexSelect(grid.Levels.OfToken)).Cast(tokens.DType);
        return encoder.Forward(tokens, position, grid.Levels.ReferencePoints(grid.ValidRatios), grid);
    }

    /// <summary>
    /// The proposals: the tokens whose best class scores highest (spec/model.md §6.3). Only their rows are looked at again with gradient: what the other tokens
    /// would give has no part in any loss.
    /// </summary>
    /// <param name="memory"><c>real[batch, tokens, width]</c></param>
    /// <param name="grid">The levels and the padding.</param>
    /// <param name="classes">Scores every token.</param>
    /// <param name="boxes">Moves the proposals' boxes.</param>
    /// <returns>Class logits <c>f32[batch, queries, classes]</c> and box logits <c>f32[batch, queries, 4]</c> of as many proposals as there are queries.</returns>
    internal (Tensor Logits, Tensor BoxLogits) Propose(Tensor memory, TokenGrid grid, Linear classes, BoxBranch boxes)
    {
        (Tensor proposals, Tensor blocked) = grid.Levels.Proposals(grid.Padding, grid.ValidRatios);
        blocked = blocked.Reshape(memory.Shape[0], memory.Shape[1], 1);
        Tensor best;
        using (NoGrad.Begin())
        {
            best = StepScope.Contain(() => classes.ForwardF32(Output(memory, blocked)).Max(-1).TopK(queries.Value.Shape[0]).Indices);
        }

        Tensor chosen = Output(memory.GatherRows(best), blocked.Cast(DType.F32).GatherRows(best).Cast(DType.U8));
        return (classes.ForwardF32(chosen), boxes.Forward(chosen) + proposals.GatherRows(best));
    }

    /// <summary>The learned contents, the same for every picture: <c>real[batch, queries, width]</c>.</summary>
    internal Tensor Content(int batch, DType type) => queries.Value.BroadcastTo([batch, .. queries.Value.Shape]).Cast(type);

    /// <summary>The content of an auxiliary head's queries, from their places and, where the model has it, their features (spec/collaborative-training.md §6.4).</summary>
    /// <param name="head">Which.</param>
    /// <param name="positives">Its queries.</param>
    /// <param name="type">The type of the result.</param>
    /// <returns><c>real[batch, queries, width]</c></returns>
    internal Tensor Content(int head, PositiveQueries positives, DType type)
    {
        Tensor places = positives.Boxes.InverseSigmoid().Sigmoid().SineEmbedding(width / 2, yFirst: false, output: type);
        Tensor content = auxiliaryPositionNorms[head].Forward(auxiliaryPositions[head].Forward(places));
        return auxiliaryFeatures.Length == 0 ? content : content + auxiliaryFeatureNorms[head].Forward(auxiliaryFeatures[head].Forward(positives.Features));
    }

    /// <summary>The rows that proposals are read from: zeros where blocked, projected and normed.</summary>
    private Tensor Output(Tensor rows, Tensor blocked) => encoderOutputNorm.Forward(encoderOutput.Forward(rows.MaskedFill(blocked, 0)));
}
