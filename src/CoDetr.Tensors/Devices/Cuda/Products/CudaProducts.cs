namespace CoDetr.Tensors;

/// <summary>Matrix products and convolutions on a CUDA device.</summary>
internal static class CudaProducts
{
    internal static void Gemm(CudaDevice device, in GemmProblem problem) =>
        throw new NotSupportedException($"{device.Description} has no matrix product yet. Use --device cpu.");

    internal static void Convolve(CudaDevice device, ConvolutionPass pass, in ConvolutionProblem problem) =>
        throw new NotSupportedException($"{device.Description} has no convolution yet. Use --device cpu.");
}
