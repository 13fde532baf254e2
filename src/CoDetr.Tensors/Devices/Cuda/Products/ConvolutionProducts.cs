namespace CoDetr.Tensors;

/// <summary>Convolutions as products: what each pass multiplies, and how its operands lie in the image.</summary>
internal static class ConvolutionProducts
{
    private static readonly ProductKernel[] Forward =
    [
        new("cuda/conv.cu", "conv_forward_128x128", ProductTile.Large),
        new("cuda/conv.cu", "conv_forward_64x64", ProductTile.Small),
    ];

    private static readonly ProductKernel[] BackwardData =
    [
        new("cuda/conv.cu", "conv_backward_data_128x128", ProductTile.Large),
        new("cuda/conv.cu", "conv_backward_data_64x64", ProductTile.Small),
    ];

    private static readonly ProductKernel[] BackwardWeight =
    [
        new("cuda/conv.cu", "conv_backward_weight_128x128", ProductTile.Large),
        new("cuda/conv.cu", "conv_backward_weight_64x64", ProductTile.Small),
    ];

    internal static ProductKernel[] Kernels(ConvolutionPass pass) => pass switch
    {
        ConvolutionPass.Forward => Forward,
        ConvolutionPass.BackwardData => BackwardData,
        _ => BackwardWeight,
    };

    /// <summary>A kernel of one pixel that meets every pixel is a plain product of all pixels.</summary>
    internal static GemmProblem? Product(ConvolutionPass pass, in ConvolutionProblem p)
    {
        bool isPlain = p is { KernelHeight: 1, KernelWidth: 1, StrideHeight: 1, StrideWidth: 1, PadHeight: 0, PadWidth: 0, Groups: 1 };
        long pixels = p.Batch * p.Height * p.Width;
        GemmProblem product = new() { Batch = 1, Alpha = 1, Accumulate = p.Accumulate };
        return !isPlain ? null : pass switch
        {
            ConvolutionPass.Forward => product with
            {
                A = p.X,
                TypeA = p.TypeX,
                LdA = p.Channels,
                B = p.W,
                TypeB = p.TypeW,
                LdB = p.Channels,
                TransB = 1,
                C = p.Y,
                TypeC = p.TypeY,
                LdC = p.OutChannels,
                M = pixels,
                N = p.OutChannels,
                K = p.Channels,
                Scale = p.Scale,
                Bias = p.Bias,
                Residual = p.Residual,
                Activation = p.Activation,
            },
            ConvolutionPass.BackwardData => product with
            {
                A = p.Y,
                TypeA = p.TypeY,
                LdA = p.OutChannels,
                B = p.W,
                TypeB = p.TypeW,
                LdB = p.Channels,
                C = p.X,
                TypeC = p.TypeX,
                LdC = p.Channels,
                M = pixels,
                N = p.Channels,
                K = p.OutChannels,
            },
            _ => product with
            {
                A = p.Y,
                TypeA = p.TypeY,
                LdA = p.OutChannels,
                TransA = 1,
                B = p.X,
                TypeB = p.TypeX,
                LdB = p.Channels,
                C = p.W,
                TypeC = p.TypeW,
                LdC = p.Channels,
                M = p.OutChannels,
                N = p.Channels,
                K = pixels,
            },
        };
    }

    /// <summary>The products of a pass: one, or for backward data one for each phase of the strides.</summary>
    internal static IEnumerable<ConvolutionArguments> Of(ConvolutionPass pass, ConvolutionProblem p) => pass switch
    {
        ConvolutionPass.Forward => [ForwardOf(p)],
        ConvolutionPass.BackwardWeight => [BackwardWeightOf(p)],
        _ => BackwardDataOf(p),
    };

    private static ConvolutionArguments ForwardOf(in ConvolutionProblem p)
    {
        long channels = p.Channels / p.Groups, outputs = p.OutChannels / p.Groups, taps = p.KernelHeight * p.KernelWidth * channels;
        return OverImage(p) with
        {
            Product = new ProductArguments
            {
                A = p.X,
                IsSingleA = CudaProducts.IsSingle(p.TypeX),
                StepA = channels,
                IsWholeA = IsWhole(p.X, p.TypeX, Narrow(p), channels, p.Channels),
                B = p.W,
                IsSingleB = CudaProducts.IsSingle(p.TypeW),
                StepB = outputs * taps,
                LdB = taps,
                IsWholeB = CudaProducts.IsWhole(p.W, p.TypeW, taps),
                C = p.Y,
                IsSingleC = CudaProducts.IsSingle(p.TypeY),
                StepC = outputs,
                LdC = p.OutChannels,
                IsWholeC = CudaProducts.IsWhole(p.Y, p.Residual, p.TypeY, outputs),
                M = Size(p.Batch * p.OutHeight * p.OutWidth),
                N = Size(outputs),
                K = Size(taps),
                Batch = Size(p.Groups),
                Scale = p.Scale,
                Bias = p.Bias,
                StepN = outputs,
                Residual = p.Residual,
                Activation = p.Activation,
                Accumulate = p.Accumulate,
                Alpha = 1,
            },
        };
    }

    private static ConvolutionArguments BackwardWeightOf(in ConvolutionProblem p)
    {
        long channels = p.Channels / p.Groups, outputs = p.OutChannels / p.Groups, taps = p.KernelHeight * p.KernelWidth * channels;
        return OverImage(p) with
        {
            Product = new ProductArguments
            {
                A = p.Y,
                IsSingleA = CudaProducts.IsSingle(p.TypeY),
                StepA = outputs,
                LdA = p.OutChannels,
                IsKMajorA = 1,
                IsWholeA = CudaProducts.IsWhole(p.Y, p.TypeY, outputs, p.OutChannels),
                B = p.X,
                IsSingleB = CudaProducts.IsSingle(p.TypeX),
                StepB = channels,
                IsKMajorB = 1,
                IsWholeB = IsWhole(p.X, p.TypeX, Narrow(p), channels, p.Channels),
                C = p.W,
                IsSingleC = CudaProducts.IsSingle(p.TypeW),
                StepC = outputs * taps,
                LdC = taps,
                IsWholeC = CudaProducts.IsWhole(p.W, 0, p.TypeW, taps),
                M = Size(outputs),
                N = Size(taps),
                K = Size(p.Batch * p.OutHeight * p.OutWidth),
                Batch = Size(p.Groups),
                Accumulate = p.Accumulate,
                Alpha = 1,
            },
        };
    }

    /// <summary>Pixels of x whose row and column leave the same rest by the strides meet the same taps, at places of y side by side: one product for each rest.</summary>
    private static IEnumerable<ConvolutionArguments> BackwardDataOf(ConvolutionProblem p)
    {
        long channels = p.Channels / p.Groups, outputs = p.OutChannels / p.Groups, tap = p.TypeW.Size * channels;
        long weightRow = p.KernelHeight * p.KernelWidth * channels;
        for (long row = 0; row < Math.Min(p.StrideHeight, p.Height); row++)
        {
            (GridAxis rows, long firstRow, long rowStep) = Phase(row, p.StrideHeight, p.PadHeight, p.DilationHeight, p.KernelHeight, p.Height, p.OutHeight);
            for (long column = 0; column < Math.Min(p.StrideWidth, p.Width); column++)
            {
                (GridAxis columns, long firstColumn, long columnStep) =
                    Phase(column, p.StrideWidth, p.PadWidth, p.DilationWidth, p.KernelWidth, p.Width, p.OutWidth);
                long k = (long)rows.Taps * columns.Taps * outputs;
                if (k == 0 && p.Accumulate != 0)
                {
                    continue;
                }

                nint weights = p.W + (nint)(((firstRow * p.KernelWidth) + firstColumn) * tap);
                nint x = p.X + (nint)(((row * p.Width) + column) * p.Channels * p.TypeX.Size);
                yield return new ConvolutionArguments
                {
                    Rows = rows with { Taps = Math.Max(rows.Taps, 1) }, // without taps nothing is read, but divided
                    Columns = columns with { Taps = Math.Max(columns.Taps, 1) },
                    Images = Size(p.Batch),
                    Channels = Size(outputs),
                    Pixel = Size(p.OutChannels),
                    WeightRow = weightRow,
                    TapRow = rowStep * p.KernelWidth * channels,
                    TapColumn = columnStep * channels,
                    Product = new ProductArguments
                    {
                        A = p.Y,
                        IsSingleA = CudaProducts.IsSingle(p.TypeY),
                        StepA = outputs,
                        IsWholeA = IsWhole(p.Y, p.TypeY, Narrow(p), outputs, p.OutChannels),
                        B = weights,
                        IsSingleB = CudaProducts.IsSingle(p.TypeW),
                        StepB = outputs * weightRow,
                        IsKMajorB = 1,
                        IsWholeB = CudaProducts.IsWhole(weights, p.TypeW, channels),
                        C = x,
                        IsSingleC = CudaProducts.IsSingle(p.TypeX),
                        StepC = channels,
                        LdC = p.StrideWidth * p.Channels,
                        RowStep = p.StrideHeight * p.Width * p.Channels,
                        ImageStep = p.Height * p.Width * p.Channels,
                        PlacesHeight = rows.Places,
                        PlacesWidth = columns.Places,
                        IsWholeC = CudaProducts.IsWhole(x, 0, p.TypeX, channels),
                        M = Size(p.Batch * rows.Places * columns.Places),
                        N = Size(channels),
                        K = Size(k),
                        Batch = Size(p.Groups),
                        Accumulate = p.Accumulate,
                        Alpha = 1,
                    },
                };
            }
        }
    }

    /// <summary>The taps that a pixel of a phase meets: those where pixel = place · stride - pad + tap · dilation has a whole place.</summary>
    private static (GridAxis Axis, long First, long Step) Phase(long phase, long stride, long pad, long dilation, long taps, long pixels, long places)
    {
        long first = 0, step = 1;
        while (first < taps && (phase + pad - (first * dilation)) % stride != 0)
        {
            first++;
        }

        while (step * dilation % stride != 0)
        {
            step++;
        }

        bool meets = first < taps;
        return (
            new GridAxis
            {
                Places = Size((pixels - phase + stride - 1) / stride),
                Taps = meets ? Size((taps - first + step - 1) / step) : 0,
                Extent = Size(places),
                Step = 1,
                First = meets ? Size((phase + pad - (first * dilation)) / stride) : 0,
                TapStep = -Size(step * dilation / stride),
            },
            meets ? first : 0,
            step);
    }

    /// <summary>Places are pixels of y, over x.</summary>
    private static ConvolutionArguments OverImage(in ConvolutionProblem p) => new()
    {
        Rows = new GridAxis
        {
            Places = Size(p.OutHeight),
            Taps = Size(p.KernelHeight),
            Extent = Size(p.Height),
            Step = Size(p.StrideHeight),
            First = -Size(p.PadHeight),
            TapStep = Size(p.DilationHeight),
        },
        Columns = new GridAxis
        {
            Places = Size(p.OutWidth),
            Taps = Size(p.KernelWidth),
            Extent = Size(p.Width),
            Step = Size(p.StrideWidth),
            First = -Size(p.PadWidth),
            TapStep = Size(p.DilationWidth),
        },
        Images = Size(p.Batch),
        Channels = Size(p.Channels / p.Groups),
        Pixel = Size(p.Channels),
    };

    /// <summary>Whether chunks of an image lie whole in one pixel's channels, and aligned.</summary>
    private static int IsWhole(nint image, DType type, bool narrow, long channels, long pixel) =>
        channels % (narrow ? 8 : 4) == 0 ? CudaProducts.IsWhole(image, type, channels, pixel) : 0;

    /// <summary>Whether the kernel stores 16 bits: a chunk has eight elements then, of any operand.</summary>
    private static bool Narrow(in ConvolutionProblem p) => p.TypeX != DType.F32 || p.TypeW != DType.F32 || p.TypeY != DType.F32;

    private static int Size(long size) => checked((int)size);
}
