namespace CoDetr.Tensors;

/// <summary>Multi-scale deformable attention.</summary>
public static class DeformAttnOp
{
    private const int MaxChannels = 64;
    private static readonly Kernel Forward = new("deform_attn.cu", "deform_attn_forward");
    private static readonly Kernel Backward = new("deform_attn.cu", "deform_attn_backward");
    private static readonly Kernel BackwardReference = new("deform_attn.cu", "deform_attn_backward_reference");

    extension(Tensor value)
    {
        /// <summary>Each query looks at a few points on every level and averages what it finds there. Outside a level is zero.</summary>
        /// <param name="levels">The levels whose tokens the values are.</param>
        /// <param name="locations"><c>f32[batch, queries, heads, levels, points, 2]</c>, (x, y) in [0, 1] of the level</param>
        /// <param name="weights"><c>f32[batch, queries, heads, levels, points]</c></param>
        /// <returns><c>real[batch, queries, heads, channels]</c>; this is <c>real[batch, tokens, heads, channels]</c> with at most 64 channels.</returns>
        public Tensor DeformAttn(FeatureLevels levels, Tensor locations, Tensor weights) => Run(value, levels, null, locations, weights, nameof(DeformAttn));

        /// <summary>
        /// The same with softmax and point arithmetic inside: weights are the softmax of <paramref name="logits"/> over (levels, points); points are
        /// <paramref name="reference"/> + <paramref name="offsets"/> in cells for (x, y) references,
        /// center + <paramref name="offsets"/> · size / (2 · points) for (center x, center y, width, height) references.
        /// </summary>
        /// <param name="levels">The levels whose tokens the values are.</param>
        /// <param name="reference"><c>f32[batch, queries, levels, 2 or 4]</c>, fractions of the level</param>
        /// <param name="offsets"><c>f32[batch, queries, heads, levels, points, 2]</c></param>
        /// <param name="logits"><c>f32[batch, queries, heads, levels, points]</c></param>
        /// <returns><c>real[batch, queries, heads, channels]</c></returns>
        public Tensor DeformAttnFused(FeatureLevels levels, Tensor reference, Tensor offsets, Tensor logits) =>
            Run(value, levels, reference, offsets, logits, nameof(DeformAttnFused));
    }

    private static Tensor Run(Tensor value, FeatureLevels levels, Tensor? reference, Tensor offsets, Tensor scores, string op)
    {
        Check.Rank(value, 4, op: op);
        Check.Rank(offsets, 6, op: op);
        int batch = value.Shape[0], tokens = value.Shape[1], heads = value.Shape[2], channels = value.Shape[3];
        int queries = offsets.Shape[1], points = offsets.Shape[4], dims = reference?.Shape[^1] ?? 0;
        Check.That(tokens == levels.Tokens, $"value has {tokens} tokens, the levels have {levels.Tokens}.", op);
        Check.That(channels <= MaxChannels, $"value has {channels} channels per head, at most {MaxChannels} are supported.", op);
        Check.That((long)tokens * heads * channels <= int.MaxValue, $"one image of {value.Shape} has too many elements.", op);
        Check.Shape(offsets, [batch, queries, heads, levels.Count, points, 2], op: op);
        Check.Shape(scores, [batch, queries, heads, levels.Count, points], op: op);
        if (reference is not null)
        {
            Check.That(dims is 2 or 4, $"reference points have 2 or 4 coordinates, got {reference.Shape}.", op);
            Check.Shape(reference, [batch, queries, levels.Count, dims], op: op);
        }

        int samples = levels.Count * points;
        long rows = (long)batch * queries * heads, cost = 8L * samples * channels;
        Tensor output = value.New(batch, queries, heads, channels);
        value.Device.Launch(
            Forward, Work.Teams(rows, 32, Scratch(samples, 9), cost), output, value, levels.Sizes, levels.Starts, reference, offsets, scores,
            batch, tokens, queries, heads, channels, levels.Count, points, dims);

        Tensor[] inputs = reference is null ? [value, offsets, scores] : [value, offsets, scores, reference];
        return GradNode.Record(op, output, inputs, dout =>
        {
            Tensor sums = Tensor.Zeros(value.Shape, value.DType.Sums, value.Device), doffsets = offsets.Like(), dscores = scores.Like();
            Tensor? dpoints = reference is { RequiresGrad: true } ? offsets.Like() : null;
            value.Device.Launch(
                Backward, Work.Teams(rows, 32, Scratch(samples, 14), 2 * cost), sums, doffsets, dscores, dpoints, dout, value, levels.Sizes, levels.Starts,
                reference, offsets, scores, batch, tokens, queries, heads, channels, levels.Count, points, dims);
            Tensor dvalue = sums.Cast(value.DType);
            if (dpoints is null)
            {
                return reference is null ? [dvalue, doffsets, dscores] : [dvalue, doffsets, dscores, null];
            }

            Tensor dreference = reference!.Like();
            int places = batch * queries;
            value.Device.Launch(
                BackwardReference, Work.Elements((long)places * levels.Count, 4L * heads * points), dreference, dpoints, offsets,
                places, heads, levels.Count, points, dims);
            return [dvalue, doffsets, dscores, dreference];
        });
    }

    /// <summary>Bytes of so many numbers per sample; room for the 64-bit ones of the double build and for rounding up.</summary>
    private static int Scratch(int samples, int numbers) => (samples * numbers * sizeof(double)) + 64;
}
