namespace CoDetr.Tensors;

/// <summary>
/// How a convolution walks over its map, and what follows it in the same pass: <c>activation(scale · conv(x, weight) + bias + residual)</c>.
/// </summary>
public sealed record Convolution
{
    /// <summary>Pixels from one window to the next.</summary>
    public Spatial Stride { get; init; } = 1;

    /// <summary>Zeros around the map, on each side.</summary>
    public Spatial Padding { get; init; } = 0;

    /// <summary>Pixels from one tap of the kernel to the next.</summary>
    public Spatial Dilation { get; init; } = 1;

    /// <summary>Blocks of channels that do not see each other.</summary>
    public int Groups { get; init; } = 1;

    /// <summary><c>f32[out channels]</c>, or null. A constant, as of a frozen batch normalisation: it gets no gradient.</summary>
    public Tensor? Scale { get; init; }

    /// <summary><c>f32[out channels]</c>, or null.</summary>
    public Tensor? Bias { get; init; }

    /// <summary><c>real[batch, height, width, out channels]</c>, like the output, or null; added before the activation.</summary>
    public Tensor? Residual { get; init; }

    /// <summary>Applied last.</summary>
    public Activation Activation { get; init; }

    /// <summary>How the output is stored; like the input if null. Predictions are f32 whatever the map is.</summary>
    public DType? Output { get; init; }
}

/// <summary>Convolutions over channels-last maps.</summary>
public static class Conv2dOp
{
    extension(Tensor x)
    {
        /// <summary>Convolves each map, and does what <paramref name="convolution"/> says in the same pass.</summary>
        /// <param name="weight"><c>f32[out channels, kernel height, kernel width, channels / groups]</c></param>
        /// <param name="convolution">Stride, padding, groups, what follows; null for none of it.</param>
        /// <returns><c>real[batch, out height, out width, out channels]</c></returns>
        public Tensor Conv2d(Tensor weight, Convolution? convolution = null)
        {
            Convolution c = convolution ?? new Convolution();
            Check.Rank(x, 4);
            Check.Rank(weight, 4);
            Product.RequireTypes(nameof(Conv2d), x, weight);
            (int outputs, int groups) = (weight.Shape[0], c.Groups);
            Check.That(groups > 0 && outputs % groups == 0, $"{outputs} out channels do not fall into {groups} groups.");
            Check.That(
                x.Shape[3] == weight.Shape[3] * groups, $"x must have {weight.Shape[3]} (channels / groups) × {groups} channels, got {x.Shape}.");
            Spatial size = OutputSize(x.Shape, weight.Shape, c);
            Tensor y = Tensor.Empty([x.Shape[0], size.Height, size.Width, outputs], c.Output ?? x.DType, x.Device);
            foreach (Tensor? vector in (ReadOnlySpan<Tensor?>)[c.Scale, c.Bias])
            {
                Check.That(vector is null || vector.Shape == [outputs], $"scale and bias must be [out channels] = [{outputs}], got {vector?.Shape}.");
            }

            if (c.Activation > Activation.Relu && GradNode.Records(x, weight, c.Bias, c.Residual))
            {
                return Epilogue.Activate(x.Conv2d(weight, c with { Activation = Activation.None }), c.Activation);
            }

            Check.That(c.Scale is not { RequiresGrad: true }, "the scale is a constant; BatchNorm learns one.");
            Check.That(
                c.Residual is null || (c.Residual.Shape == y.Shape && c.Residual.DType == y.DType), $"the residual must be {y}, got {c.Residual}.");

            x.Device.Convolve(ConvolutionPass.Forward, Problem(x, weight, y, c) with
            {
                Scale = c.Scale?.Pointer ?? 0,
                Bias = c.Bias?.Pointer ?? 0,
                Residual = c.Residual?.Pointer ?? 0,
                Activation = c.Activation,
            });
            return GradNode.Record(nameof(Conv2d), y, [x, weight, c.Bias, c.Residual], dy =>
            {
                (Tensor dz, Tensor? dbias) = Epilogue.Gradients(dy, c.Activation == Activation.Relu ? y : null, c.Bias);
                return [InputGradient(x, weight, dz, c), WeightGradient(x, weight, dz, c), dbias, dz];
            });
        }
    }

    private static Spatial OutputSize(Shape map, Shape weight, Convolution c)
    {
        int Places(int size, int kernel, int stride, int padding, int dilation) => ((size + (2 * padding) - (dilation * (kernel - 1)) - 1) / stride) + 1;
        Spatial size = (
            Places(map[1], weight[1], c.Stride.Height, c.Padding.Height, c.Dilation.Height),
            Places(map[2], weight[2], c.Stride.Width, c.Padding.Width, c.Dilation.Width));
        Check.That(size is { Height: > 0, Width: > 0 }, $"the kernel {weight} does not fit the padded map {map}.", nameof(Conv2d));
        return size;
    }

    private static Tensor? InputGradient(Tensor x, Tensor weight, Tensor dz, Convolution c)
    {
        if (!x.RequiresGrad)
        {
            return null;
        }

        (Tensor dx, bool adds) = Product.Destination(x);
        Tensor scaled = c.Scale is null ? weight : Epilogue.ScaleRows(weight, c.Scale);
        x.Device.Convolve(ConvolutionPass.BackwardData, Problem(dx, scaled, dz, c) with { Accumulate = adds ? 1 : 0 });
        return adds ? null : dx;
    }

    internal static Tensor? WeightGradient(Tensor x, Tensor weight, Tensor dz, Convolution c)
    {
        if (!weight.RequiresGrad)
        {
            return null;
        }

        Tensor dweight = weight.Like();
        x.Device.Convolve(ConvolutionPass.BackwardWeight, Problem(x, dweight, dz, c));
        return c.Scale is null ? dweight : Epilogue.ScaleRows(dweight, c.Scale);
    }

    internal static ConvolutionProblem Problem(Tensor x, Tensor weight, Tensor y, Convolution c) => new()
    {
        X = x.Pointer,
        W = weight.Pointer,
        Y = y.Pointer,
        Batch = x.Shape[0],
        Height = x.Shape[1],
        Width = x.Shape[2],
        Channels = x.Shape[3],
        OutHeight = y.Shape[1],
        OutWidth = y.Shape[2],
        OutChannels = y.Shape[3],
        KernelHeight = weight.Shape[1],
        KernelWidth = weight.Shape[2],
        StrideHeight = c.Stride.Height,
        StrideWidth = c.Stride.Width,
        PadHeight = c.Padding.Height,
        PadWidth = c.Padding.Width,
        DilationHeight = c.Dilation.Height,
        DilationWidth = c.Dilation.Width,
        Groups = c.Groups,
        TypeX = x.DType,
        TypeW = weight.DType,
        TypeY = y.DType,
    };
}
