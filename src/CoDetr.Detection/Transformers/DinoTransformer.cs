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
    private readonly PositiveEncoder[] positives;
    private readonly int width;
    private readonly bool hasFeatures;

    /// <param name="config">Sizes.</param>
    /// <param name="heads">Auxiliary heads whose positives become queries.</param>
    internal DinoTransformer(DetectorConfig config, int heads)
    {
        (width, hasFeatures) = (config.Width, config.Positives.HasFeatures);
        levelEmbeddings = Add("level_embeds", [config.Levels, width], Initializer.Normal);
        encoder = Add("encoder", new DeformableEncoder(config));
        decoder = Add("decoder", new DinoDecoder(config));
        encoderOutput = Add("enc_output", new Linear(width, width, Initializer.XavierUniform));
        encoderOutputNorm = Add("enc_output_norm", new LayerNorm(width));
        queries = Add("query_embed", new Embedding(config.Queries, width)).Weight;
        positives = PositiveEncoder.List(heads, 2 * width, width, hasFeatures ? width : null, (name, module) => Add(name, module));
    }

    internal DeformableEncoder Encoder => encoder;

    /// <summary>
    /// Runs the encoder; the tokens whose best class scores highest become the queries' places (spec/model.md §6.3). Only their rows are looked at again with
    /// gradient: what the other tokens would give has no part in any loss.
    /// </summary>
    /// <param name="levels">The neck's maps, finest first: <c>real[batch, height, width, channels]</c> each.</param>
    /// <param name="sine">The sine encoding of each token: <c>f32[batch, tokens, width]</c>.</param>
    /// <param name="grid">The levels and the padding.</param>
    /// <param name="classes">Scores every token of the memory.</param>
    /// <param name="boxes">Gives the chosen ones a box.</param>
    internal EncoderOutput Encode(IReadOnlyList<Tensor> levels, Tensor sine, TokenGrid grid, Linear classes, BoxBranch boxes)
    {
        int batch = levels[0].Shape[0];
        Tensor tokens = Tensor.Concat(1, [.. levels.Select(level => level.Reshape(batch, -1, width))]);
        Tensor position = (sine + levelEmbeddings.Value.IndexSelect(grid.Levels.OfToken)).Cast(tokens.DType);
        Tensor memory = encoder.Forward(tokens, position, grid.Levels.ReferencePoints(grid.ValidRatios), grid);
        (Tensor proposals, Tensor blocked) = grid.Levels.Proposals(grid.Padding, grid.ValidRatios);
        blocked = blocked.Reshape(batch, grid.Levels.Tokens, 1);
        Tensor best;
        using (NoGrad.Begin())
        {
            best = StepScope.Contain(() => classes.ForwardF32(Output(memory, blocked)).Max(-1).TopK(queries.Value.Shape[0]).Indices);
        }

        Tensor chosen = Output(memory.GatherRows(best), blocked.Cast(DType.F32).GatherRows(best).Cast(DType.U8));
        Tensor places = (boxes.Forward(chosen) + proposals.GatherRows(best)).Sigmoid();
        return new EncoderOutput(memory, classes.ForwardF32(chosen), places, places.Detach());
    }

    /// <summary>The main queries: proposals are their places, a learned table their content, the same for every picture.</summary>
    internal QueryGroup MainQueries(EncoderOutput encoded)
    {
        Shape table = queries.Value.Shape;
        Tensor content = queries.Value.BroadcastTo([encoded.Reference.Shape[0], .. table]).Cast(encoded.Memory.DType);
        return new QueryGroup(default, content, null, encoded.Reference, null, new QuerySpan(table[0]));
    }

    /// <summary>Positive queries of an auxiliary head (spec/collaborative-training.md §6.4).</summary>
    internal QueryGroup PositiveGroup(PositiveQueries queries, int head, DType type)
    {
        Tensor content = positives[head].Forward(queries.Boxes, type);
        if (hasFeatures)
        {
            content += positives[head].OfFeature(queries.Features);
        }

        return new QueryGroup(
            new GroupName(Suffix: $"_aux{head}"), content, null, queries.Boxes, queries.Assignment, new QuerySpan(queries.Boxes.Shape[1]));
    }

    /// <summary>Runs the decoder over groups of queries.</summary>
    internal DinoDecoderOutput Decode(
        EncoderOutput encoded, IReadOnlyList<QueryGroup> groups, IReadOnlyList<BoxBranch> branches, TokenGrid grid, Tensor? blocked)
    {
        (Tensor content, _, Tensor reference) = QueryGroup.Join(groups);
        return decoder.Forward(content, encoded.Memory, reference, branches, grid, blocked);
    }

    /// <summary>The rows that proposals are read from: zeros where blocked, projected and normed.</summary>
    private Tensor Output(Tensor rows, Tensor blocked) => encoderOutputNorm.Forward(encoderOutput.Forward(rows.MaskedFill(blocked, 0)));
}
