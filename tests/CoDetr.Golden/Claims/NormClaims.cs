using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Normalization over the last dimension, groups of channels, and the batch.</summary>
internal static class NormClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("ops/layer_norm_2d", LayerNormOfMaps),
        new("ops/layer_norm_*", LayerNorm),
    ];

    /// <summary>The reference may normalize over several last dimensions: one of their product here.</summary>
    private static void LayerNorm(GoldenCase golden)
    {
        int channels = (int)golden.ShapeOf("weight").Count, rows = (int)(golden.ShapeOf("x").Count / channels);
        Tensor x = golden.Tensor("x", requiresGrad: true, [rows, channels]);
        Tensor weight = golden.Tensor("weight", requiresGrad: true, [channels]), bias = golden.Tensor("bias", requiresGrad: true, [channels]);
        Tensor y = x.LayerNorm(weight, bias, golden.Config.GetProperty("eps").GetSingle());
        y.Backward(golden.Tensor("gradout.y", shape: y.Shape));
        golden.Compare("y", y, isFlat: true);
        golden.Compare("grad.x", x.Grad, isFlat: true);
        golden.Compare("grad.weight", weight.Grad, isFlat: true);
        golden.Compare("grad.bias", bias.Grad, isFlat: true);
    }

    /// <summary>Channels first in the reference; channels are last here anyway.</summary>
    private static void LayerNormOfMaps(GoldenCase golden)
    {
        Tensor x = golden.ChannelsLast("x", requiresGrad: true);
        Tensor weight = golden.Tensor("w.weight", requiresGrad: true), bias = golden.Tensor("w.bias", requiresGrad: true);
        Tensor y = x.LayerNorm(weight, bias, 1e-6f);
        y.Backward(golden.ChannelsLast("gradout.y"));
        golden.CompareChannelsLast("y", y);
        golden.CompareChannelsLast("grad.x", x.Grad);
        golden.Compare("grad.w.weight", weight.Grad);
        golden.Compare("grad.w.bias", bias.Grad);
    }
}
