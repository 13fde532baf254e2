using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>What is applied to each element of a product before it is stored.</summary>
public enum Activation
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>max(0, x).</summary>
    Relu,

    /// <summary>x · Φ(x), exact.</summary>
    Gelu,

    /// <summary>x · σ(x).</summary>
    Silu,
}

/// <summary>
/// A batch of products <c>c = activation(scale · alpha · op(a) op(b) + bias + residual) [+ c]</c>; all row-major.
/// Mirrors <c>GemmArgs</c> in <c>kernels/cpu/args.h</c>: pointers of the device, sizes and strides in elements. Scale and bias are f32; sums are too.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct GemmProblem
{
    internal nint A;
    internal nint B;
    internal nint C;
    internal long M;
    internal long N;
    internal long K;
    internal long LdA;
    internal long LdB;
    internal long LdC;
    internal long Batch;
    internal long StrideA;
    internal long StrideB;
    internal long StrideC;
    internal int TransA;
    internal int TransB;
    internal nint Scale;
    internal nint Bias;
    internal nint Residual;
    internal Activation Activation;
    internal int Accumulate;
    internal float Alpha;
    internal DType TypeA; // from here on the CPU, which knows f32 only, does not look
    internal DType TypeB;
    internal DType TypeC; // of the residual too
}

/// <summary>Which of the three convolutions.</summary>
internal enum ConvolutionPass
{
    Forward,
    BackwardData,
    BackwardWeight,
}

/// <summary>
/// A channels-last convolution and its two gradients. Mirrors <c>ConvArgs</c> in <c>kernels/cpu/args.h</c>.
/// Forward: <c>y = activation(scale · conv(x, w) + bias + residual)</c>; backward writes x (from y and w) or w (from x and y).
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ConvolutionProblem
{
    internal nint X;
    internal nint W;
    internal nint Y;
    internal long Batch;
    internal long Height;
    internal long Width;
    internal long Channels;
    internal long OutHeight;
    internal long OutWidth;
    internal long OutChannels;
    internal long KernelHeight;
    internal long KernelWidth;
    internal long StrideHeight;
    internal long StrideWidth;
    internal long PadHeight;
    internal long PadWidth;
    internal long DilationHeight;
    internal long DilationWidth;
    internal long Groups;
    internal nint Scale;
    internal nint Bias;
    internal nint Residual;
    internal Activation Activation;
    internal int Accumulate;
    internal DType TypeX; // from here on the CPU, which knows f32 only, does not look
    internal DType TypeW;
    internal DType TypeY; // of the residual too
}
