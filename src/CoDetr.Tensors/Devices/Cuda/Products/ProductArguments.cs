using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>What a product's kernel is handed: <c>Product</c> in <c>kernels/cuda/product.h</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ProductArguments
{
    internal nint A;
    internal nint B;
    internal nint C;
    internal nint Scale;
    internal nint Bias;
    internal nint Residual;
    internal nint Partial;
    internal long LdA;
    internal long LdB;
    internal long LdC;
    internal long StepA;
    internal long StepB;
    internal long StepC;
    internal long StepN;
    internal long ImageStep;
    internal long RowStep;
    internal int PlacesHeight;
    internal int PlacesWidth;
    internal int M;
    internal int N;
    internal int K;
    internal int Batch;
    internal int Splits;
    internal int Depth;
    internal int IsKMajorA;
    internal int IsKMajorB;
    internal int IsSingleA;
    internal int IsSingleB;
    internal int IsSingleC;
    internal int IsWholeA;
    internal int IsWholeB;
    internal int IsWholeC;
    internal Activation Activation;
    internal int Accumulate;
    internal float Alpha;
    internal int Unused;
}

/// <summary>One direction of a grid of places over an image: <c>Axis</c> in <c>kernels/cuda/conv.cu</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct GridAxis
{
    internal int Places;
    internal int Taps;
    internal int Extent;
    internal int Step;
    internal int First;
    internal int TapStep;
}

/// <summary>What a convolution's kernel is handed: <c>Convolution</c> in <c>kernels/cuda/conv.cu</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ConvolutionArguments
{
    internal ProductArguments Product;
    internal GridAxis Rows;
    internal GridAxis Columns;
    internal int Images;
    internal int Channels;
    internal int Pixel;
    internal int Unused;
    internal long WeightRow;
    internal long TapRow;
    internal long TapColumn;
}
