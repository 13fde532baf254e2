using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Normalization over the last dimension, groups of channels, and the batch.</summary>
internal static class NormClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("ops/layer_norm_2d", LayerNormOfMaps),
        new("ops/layer_norm_*", LayerNorm),
        new("ops/group_norm_*", GroupNorm),
        new("ops/batch_norm_*", BatchNorm),
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

    private static void GroupNorm(GoldenCase golden)
    {
        Tensor x = golden.ChannelsLast("x", requiresGrad: true);
        Tensor weight = golden.Tensor("weight", requiresGrad: true), bias = golden.Tensor("bias", requiresGrad: true);
        Compare(golden, x, weight, bias, x.GroupNorm(golden.Config.GetProperty("num_groups").GetInt32(), weight, bias));
    }

    private static void BatchNorm(GoldenCase golden)
    {
        Tensor x = golden.ChannelsLast("x", requiresGrad: true);
        Tensor weight = golden.Tensor("weight", requiresGrad: true), bias = golden.Tensor("bias", requiresGrad: true);
        Tensor mean = golden.Tensor("running_mean"), variance = golden.Tensor("running_var");
        bool training = golden.Has("new_running_mean");
        float epsilon = golden.Config.GetProperty("eps").GetSingle();
        Compare(golden, x, weight, bias, x.BatchNorm(weight, bias, mean, variance, training, epsilon: epsilon));
        if (training)
        {
            golden.Compare("new_running_mean", mean);
            golden.Compare("new_running_var", variance);
        }
    }

    private static void Compare(GoldenCase golden, Tensor x, Tensor weight, Tensor bias, Tensor y)
    {
        y.Backward(golden.ChannelsLast("gradout.y"));
        golden.CompareChannelsLast("y", y);
        golden.CompareChannelsLast("grad.x", x.Grad);
        golden.Compare("grad.weight", weight.Grad);
        golden.Compare("grad.bias", bias.Grad);
    }
}
