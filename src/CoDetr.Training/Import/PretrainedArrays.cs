using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>Arrays that were trained for another window or picture size and are resized to ours, bicubically (spec/checkpoint-keys.md §7).</summary>
internal static class PretrainedArrays
{
    /// <summary>The numbers of an array in another shape; null if it cannot take that shape.</summary>
    /// <param name="name">The parameter's name.</param>
    /// <param name="values">The stored numbers, row-major.</param>
    /// <param name="from">Their shape.</param>
    /// <param name="to">The parameter's shape.</param>
    internal static float[]? Resize(string name, float[] values, Shape from, Shape to) => name[(name.LastIndexOf('.') + 1)..] switch
    {
        "relative_position_bias_table" => BiasTable(values, from, to),
        "pos_embed" => PositionEmbedding(values, from, to),
        "absolute_pos_embed" => AbsoluteEmbedding(values, from, to),
        _ => name.EndsWith("patch_embed.proj.weight", StringComparison.Ordinal) ? Patches(values, from, to) : null,
    };

    /// <summary>Whether <see cref="Resize"/> could, by the shapes alone.</summary>
    internal static bool CanResize(string name, Shape from, Shape to) => Resize(name, [], from, to) is not null;

    /// <summary>Swin's offsets of a window: (2·window − 1)² rows, a column for each attention head.</summary>
    private static float[]? BiasTable(float[] values, Shape from, Shape to) =>
        from.Length == 2 && to.Length == 2 && from[1] == to[1] && Side(from[0]) is int side && Side(to[0]) is int wanted
            ? Bicubic(values, [1, side, side, from[1]], wanted, wanted)
            : null;

    /// <summary>A token for the class, which stays, then a square of tokens.</summary>
    private static float[]? PositionEmbedding(float[] values, Shape from, Shape to)
    {
        bool fits = from.Length == 3 && to.Length == 3 && from[0] == 1 && to[0] == 1 && from[2] == to[2];
        if (!fits || Side(from[1] - 1) is not int side || Side(to[1] - 1) is not int wanted)
        {
            return null;
        }

        int channels = from[2];
        return values.Length == 0 ? [] : [.. values[..channels], .. Bicubic(values[channels..], [1, side, side, channels], wanted, wanted)];
    }

    /// <summary>Swin's other kind of positions: <c>f32[1, tokens, channels]</c> in its files, <c>f32[1, channels, height, width]</c> in the model.</summary>
    private static float[]? AbsoluteEmbedding(float[] values, Shape from, Shape to)
    {
        if (from.Length != 3 || to.Length != 4 || from[0] != 1 || to[0] != 1 || from[2] != to[1] || from[1] != to.CountOf(2, 4))
        {
            return null;
        }

        (int tokens, int channels) = (from[1], from[2]);
        float[] turned = new float[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            turned[(i % channels * tokens) + (i / channels)] = values[i];
        }

        return turned;
    }

    /// <summary>The filter that makes a token of a patch, <c>f32[outputs, inputs, kernel, kernel]</c>: a picture for each pair of channels.</summary>
    private static float[]? Patches(float[] values, Shape from, Shape to) =>
        from.Length == 4 && to.Length == 4 && from[0] == to[0] && from[1] == to[1] && from[2] > 0 && from[3] > 0
            ? Bicubic(values, [from[0] * from[1], from[2], from[3], 1], to[2], to[3])
            : null;

    /// <summary>As PyTorch: corners of the maps meet, a = -0.75.</summary>
    /// <param name="values"><c>f32[batch, height, width, channels]</c></param>
    /// <param name="shape">Its shape.</param>
    /// <param name="height">Rows wanted.</param>
    /// <param name="width">Columns wanted.</param>
    private static float[] Bicubic(float[] values, Shape shape, int height, int width)
    {
        if (values.Length == 0)
        {
            return [];
        }

        using StepScope scope = StepScope.Begin();
        using NoGrad off = NoGrad.Begin();
        return Tensor.From(values, shape).Interpolate(new Spatial(height, width), Sampling.Bicubic).ToArray();
    }

    private static int? Side(int count)
    {
        int side = (int)Math.Round(Math.Sqrt(Math.Max(count, 0)));
        return side > 0 && side * side == count ? side : null;
    }
}
