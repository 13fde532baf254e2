namespace CoDetr.Tensors;

/// <summary>What follows a product or a convolution in the same pass: <c>y = activation(scale · z + bias + residual)</c>, backwards.</summary>
internal static class Epilogue
{
    private static readonly Kernel Backward = new("epilogue.cu", "epilogue_backward");
    private static readonly Kernel Scale = new("epilogue.cu", "epilogue_scale_rows");
    private static readonly Kernel Fill = new("epilogue.cu", "epilogue_fill_rows");

    /// <summary>An activation whose gradient needs its input, as an op of its own.</summary>
    internal static Tensor Activate(Tensor z, Activation activation) => activation == Activation.Gelu ? z.Gelu() : z.Silu();

    /// <summary>
    /// The gradient before the activation, and that of the bias, in one pass over memory; no pass at all where neither changes anything.
    /// </summary>
    /// <param name="dy"><c>real[..., channels]</c></param>
    /// <param name="y">The output, if the activation is <see cref="Activation.Relu"/>; else null.</param>
    /// <param name="bias">The bias, if its gradient is wanted.</param>
    internal static (Tensor Dz, Tensor? Dbias) Gradients(Tensor dy, Tensor? y, Tensor? bias)
    {
        bias = bias is { RequiresGrad: true } ? bias : null;
        if (y is null && bias is null)
        {
            return (dy, null);
        }

        int channels = dy.Shape[^1];
        long rows = dy.Count / Math.Max(channels, 1);
        int runs = RowRuns.Of(rows, channels);
        Tensor? dz = y is null ? null : dy.Like(), dbias = bias?.New(runs, channels);
        dy.Device.Launch(Backward, Work.Teams(runs, channels, cost: dy.Count / runs), dz, dbias, dy, y, rows, channels, runs);
        return (dz ?? dy, dbias?.Sum(0));
    }

    /// <summary>Writes <c>[channels]</c> to every row of <c>[..., channels]</c>.</summary>
    internal static void FillRows(Tensor y, Tensor row) =>
        y.Device.Launch(Fill, Work.Teams(y.Count / Math.Max(row.Count, 1), (int)row.Count), y, row, y.Count / Math.Max(row.Count, 1), (int)row.Count);

    /// <summary>Multiplies each output channel's weights <c>[channels, ...]</c> by its scale.</summary>
    internal static Tensor ScaleRows(Tensor weight, Tensor scale)
    {
        Tensor scaled = weight.Like();
        int rows = weight.Shape[0], columns = (int)weight.Shape.CountOf(1, weight.Shape.Length);
        weight.Device.Launch(Scale, Work.Teams(rows, columns), scaled, weight, scale, rows, columns);
        return scaled;
    }
}
