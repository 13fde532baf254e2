using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>What the transformer hands to the head.</summary>
/// <param name="Decoder">States, references and boxes of each decoder layer.</param>
/// <param name="InitialReference">The selected proposals: unit boxes <c>f32[batch, queries, 4]</c>.</param>
/// <param name="EncoderLogits">Class logits of every token: <c>f32[batch, tokens, classes]</c>.</param>
/// <param name="EncoderBoxes">Unit boxes of every token: <c>f32[batch, tokens, 4]</c>.</param>
/// <param name="Memory">The encoder's output: <c>f32[batch, tokens, width]</c>.</param>
internal sealed record TransformerOutput(DecoderOutput Decoder, Tensor InitialReference, Tensor EncoderLogits, Tensor EncoderBoxes, Tensor Memory);

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

    internal DeformableTransformer(DeformableDetrConfig config)
    {
        width = config.Width;
        levelEmbeddings = Add("level_embeds", [config.Levels, width], Initializer.Normal);
        encoder = Add("encoder", new DeformableEncoder(config));
        decoder = Add("decoder", new DeformableDecoder(config));
        encoderOutput = Add("enc_output", new Linear(width, width, Initializer.XavierUniform));
        encoderOutputNorm = Add("enc_output_norm", new LayerNorm(width));
        positionTransform = Add("pos_trans", new Linear(2 * width, 2 * width, Initializer.XavierUniform));
        positionNorm = Add("pos_trans_norm", new LayerNorm(2 * width));
    }

    internal DeformableEncoder Encoder => encoder;

    /// <param name="levels">The neck's maps, finest first: <c>f32[batch, height, width, channels]</c> each.</param>
    /// <param name="sine">The sine encoding of each token: <c>f32[batch, tokens, width]</c>.</param>
    /// <param name="grid">The levels and the padding.</param>
    /// <param name="queries">The learned contents: <c>f32[queries, width]</c>.</param>
    /// <param name="encoderClasses">Scores every token of the memory.</param>
    /// <param name="branches">Box branches of the decoder layers, then that of the encoder.</param>
    internal TransformerOutput Forward(
        IReadOnlyList<Tensor> levels, Tensor sine, TokenGrid grid, Tensor queries, Linear encoderClasses, IReadOnlyList<BoxBranch> branches)
    {
        int batch = levels[0].Shape[0];
        Tensor tokens = Tensor.Concat(1, [.. levels.Select(level => level.Reshape(batch, -1, width))]);
        Tensor position = (sine + levelEmbeddings.Value.IndexSelect(grid.Levels.OfToken)).Cast(tokens.DType);
        Tensor memory = encoder.Forward(tokens, position, grid.Levels.ReferencePoints(grid.ValidRatios), grid);

        (Tensor encoderLogits, Tensor encoderBoxLogits) = Propose(memory, grid, encoderClasses, branches[^1]);
        Tensor chosen = Select(encoderLogits.Detach(), encoderBoxLogits.Detach(), queries.Shape[0]);
        Tensor reference = chosen.Sigmoid();
        Tensor queryPosition = positionNorm.Forward(positionTransform.Forward(reference.SineEmbedding(width / 2, yFirst: false, output: memory.DType))).Slice(-1, 0, width);
        Tensor content = queries.BroadcastTo([batch, queries.Shape[0], width]).Cast(memory.DType);
        DecoderOutput output = decoder.Forward(content, queryPosition, memory, reference, branches, grid);
        return new TransformerOutput(output, reference, encoderLogits, encoderBoxLogits.Sigmoid(), memory);
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
