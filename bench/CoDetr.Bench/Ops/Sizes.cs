namespace CoDetr.Bench;

/// <summary>Rows of one width.</summary>
public sealed record Rows(int Count, int Channels)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Count}×{Channels}";

    internal long Elements => (long)Count * Channels;
}

/// <summary>A product of <c>[m, k]</c> and <c>[k, n]</c>.</summary>
public sealed record ProductSize(int M, int N, int K)
{
    /// <inheritdoc/>
    public override string ToString() => $"{M}×{N}×{K}";

    internal double Operations => 2.0 * M * N * K;
}

/// <summary>A map.</summary>
public sealed record MapSize(int Height, int Width, int Channels)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Height}×{Width}×{Channels}";

    internal long Elements => (long)Height * Width * Channels;
}

/// <summary>A convolution of one map; padded so that stride 1 keeps the size.</summary>
public sealed record ConvolutionSize(int Inputs, int Outputs, int Kernel, int Height, int Width, int Stride = 1)
{
    internal int Padding => Kernel / 2;

    internal int OutHeight => (Height + 2 * Padding - Kernel) / Stride + 1;

    internal int OutWidth => (Width + 2 * Padding - Kernel) / Stride + 1;

    internal double Operations => 2.0 * OutHeight * OutWidth * Outputs * Inputs * Kernel * Kernel;

    /// <inheritdoc/>
    public override string ToString() => $"{Inputs}→{Outputs} {Kernel}×{Kernel}{(Stride > 1 ? $"/{Stride}" : "")} {Height}×{Width}";
}
