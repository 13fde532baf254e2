using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>
/// The two-stage deformable transformer with mixed query selection (spec/model.md §6): the encoder's best proposals become the queries' places, a learned
/// embedding their content.
/// </summary>
internal sealed class DeformableTransformer : Module
{
    private readonly Parameter levelEmbeddings;
    private readonly DeformableEncoder encoder;
    private readonly DeformableDecoder decoder;
    private readonly Linear encoderOutput;
    private readonly LayerNorm encoderOutputNorm;
    private readonly Linear positionTransform;
    private readonly LayerNorm positionNorm;
    private readonly int width;
    private readonly PositiveEncoder[] positives = [];
    private readonly Parameter? headPositions;

    internal DeformableTransformer(DetectorConfig config)
    {
        width = config.Width;
        levelEmbeddings = Add("level_embeds", [config.Levels, width], Initializer.Normal);
        encoder = Add("encoder", new DeformableEncoder(config));
        decoder = Add("decoder", new DeformableDecoder(config));
        encoderOutput = Add("enc_output", new Linear(width, width, Initializer.XavierUniform));
        encoderOutputNorm = Add("enc_output_norm", new LayerNorm(width));
        positionTransform = Add("pos_trans", new Linear(2 * width, 2 * width, Initializer.XavierUniform));
        positionNorm = Add("pos_trans_norm", new LayerNorm(2 * width));
        int heads = config.Auxiliary.Count;
        if (heads > 0)
        {
            bool hasFeatures = config.Positives.HasFeatures;
            headPositions = hasFeatures ? Add("head_pos_embed", new Embedding(heads, 1, Initializer.XavierUniform)).Weight : null;
            positives = PositiveEncoder.List(heads, 2 * width, 2 * width, hasFeatures ? width : null, (name, module) => Add(name, module));
        }
    }

    internal DeformableEncoder Encoder => encoder;

    /// <summary>Runs the encoder; its proposals of highest score in class 0 become the queries' places.</summary>
    /// <param name="levels">The neck's maps, finest first: <c>real[batch, height, width, channels]</c> each.</param>
    /// <param name="sine">The sine encoding of each token: <c>f32[batch, tokens, width]</c>.</param>
    /// <param name="grid">The levels and the padding.</param>
    /// <param name="count">How many places.</param>
    /// <param name="classes">Scores every token of the memory.</param>
    /// <param name="boxes">Gives every token a box.</param>
    internal EncoderOutput Encode(IReadOnlyList<Tensor> levels, Tensor sine, TokenGrid grid, int count, Linear classes, BoxBranch boxes)
    {
        int batch = levels[0].Shape[0];
        Tensor tokens = Tensor.Concat(1, [.. levels.Select(level => level.Reshape(batch, -1, width))]);
        Tensor position = (sine + levelEmbeddings.Value.IndexSelect(grid.Levels.OfToken)).Cast(tokens.DType);
        Tensor memory = encoder.Forward(tokens, position, grid.Levels.ReferencePoints(grid.ValidRatios), grid);
        (Tensor logits, Tensor boxLogits) = Propose(memory, grid, classes, boxes);
        Tensor chosen = Select(logits.Detach(), boxLogits.Detach(), count);
        return new EncoderOutput(memory, logits, boxLogits.Sigmoid(), chosen.Sigmoid());
    }

    /// <summary>The main queries: proposals are their places, a learned embedding their content.</summary>
    /// <param name="encoded">The encoder's output.</param>
    /// <param name="queries">The learned contents: <c>f32[queries, width]</c>.</param>
    internal QueryGroup MainQueries(EncoderOutput encoded, Tensor queries)
    {
        (Tensor reference, DType type) = (encoded.Reference, encoded.Memory.DType);
        Tensor embedding = reference.SineEmbedding(width / 2, yFirst: false, output: type);
        Tensor position = positionNorm.Forward(positionTransform.Forward(embedding)).Slice(-1, 0, width);
        Tensor content = queries.BroadcastTo([reference.Shape[0], queries.Shape[0], width]).Cast(type);
        return new QueryGroup(default, content, position, reference, null, new QuerySpan(queries.Shape[0]));
    }

    /// <summary>Positive queries of an auxiliary head (spec/collaborative-training.md §6.3).</summary>
    internal QueryGroup PositiveGroup(PositiveQueries queries, int head, DType type)
    {
        Tensor both = positives[head].Forward(queries.Boxes, type);
        Tensor position = both.Slice(-1, 0, width), content = both.Slice(-1, width, width);
        if (headPositions is not null)
        {
            content += positives[head].OfFeature(queries.Features);
            position += headPositions.Value.Slice(0, head, 1).Reshape(1, 1, 1).Cast(type);
        }

        return new QueryGroup(
            new GroupName(Suffix: $"_aux{head}"), content, position, queries.Boxes, queries.Assignment, new QuerySpan(queries.Boxes.Shape[1]));
    }

    /// <summary>Runs the decoder over groups of queries.</summary>
    internal DecoderOutput Decode(EncoderOutput encoded, IReadOnlyList<QueryGroup> groups, IReadOnlyList<BoxBranch> branches, TokenGrid grid, Tensor? blocked)
    {
        (Tensor content, Tensor? position, Tensor reference) = QueryGroup.Join(groups);
        return decoder.Forward(content, position!, encoded.Memory, reference, branches, grid, blocked);
    }

    /// <summary>Class and box logits of every token; a token that is padding or near the border has box logits of +infinity (spec/model.md §4.8).</summary>
    internal (Tensor Logits, Tensor BoxLogits) Propose(Tensor memory, TokenGrid grid, Linear classes, BoxBranch boxes)
    {
        (Tensor output, Tensor proposals) = Proposals(memory, grid);
        return (classes.ForwardF32(output), boxes.Forward(output) + proposals);
    }

    /// <summary>The memory that proposals are read from, and the box logits that they start from.</summary>
    internal (Tensor OutputMemory, Tensor Proposals) Proposals(Tensor memory, TokenGrid grid)
    {
        (Tensor proposals, Tensor blocked) = grid.Levels.Proposals(grid.Padding, grid.ValidRatios);
        Tensor masked = memory.MaskedFill(blocked.Reshape(memory.Shape[0], memory.Shape[1], 1), 0);
        return (encoderOutputNorm.Forward(encoderOutput.Forward(masked)), proposals);
    }

    /// <summary>The box logits of the tokens that score highest in class 0: the reference's rule (spec/model.md §6.3).</summary>
    private static Tensor Select(Tensor logits, Tensor boxLogits, int count)
    {
        using NoGrad off = NoGrad.Begin();
        (int batch, int tokens) = (logits.Shape[0], logits.Shape[1]);
        (_, Tensor indices) = logits.Slice(-1, 0, 1).Reshape(batch, tokens).TopK(count);
        return boxLogits.GatherRows(indices);
    }
}
