using System.Text.Json;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Convolutions and pooling. The reference stores maps and kernels channels first; here channels are last.</summary>
internal static class ConvolutionClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("ops/conv2d_*", Conv2d),
        new("ops/conv_transpose2d_*", ConvTranspose2d),
        new("ops/max_pool2d_*", MaxPool2d),
    ];

    private static void Conv2d(GoldenCase golden)
    {
        Tensor x = golden.ChannelsLast("x", requiresGrad: true), weight = golden.ChannelsLast("weight", requiresGrad: true);
        Tensor? bias = golden.Has("bias") ? golden.Tensor("bias", requiresGrad: true) : null;
        Tensor y = x.Conv2d(weight, new Convolution
        {
            Bias = bias,
            Stride = Pair(golden, "stride"),
            Padding = Pair(golden, "padding"),
            Dilation = Pair(golden, "dilation"),
            Groups = golden.Config.GetProperty("groups").GetInt32(),
        });
        Compare(golden, x, weight, bias, y);
    }

    private static void ConvTranspose2d(GoldenCase golden)
    {
        Tensor x = golden.ChannelsLast("x", requiresGrad: true), weight = golden.ChannelsLast("weight", requiresGrad: true);
        Tensor bias = golden.Tensor("bias", requiresGrad: true);
        Compare(golden, x, weight, bias, x.ConvTranspose2d(weight, bias, Pair(golden, "stride"), Pair(golden, "padding")));
    }

    private static void MaxPool2d(GoldenCase golden)
    {
        Tensor x = golden.ChannelsLast("x", requiresGrad: true);
        Compare(golden, x, null, null, x.MaxPool2d(Pair(golden, "kernel"), Pair(golden, "stride"), Pair(golden, "padding")));
    }

    private static void Compare(GoldenCase golden, Tensor x, Tensor? weight, Tensor? bias, Tensor y)
    {
        y.Backward(golden.ChannelsLast("gradout.y"));
        golden.CompareChannelsLast("y", y);
        golden.CompareChannelsLast("grad.x", x.Grad);
        if (weight is not null)
        {
            golden.CompareChannelsLast("grad.weight", weight.Grad);
        }

        if (bias is not null)
        {
            golden.Compare("grad.bias", bias.Grad);
        }
    }

    private static Spatial Pair(GoldenCase golden, string name)
    {
        JsonElement value = golden.Config.GetProperty(name);
        return value.ValueKind == JsonValueKind.Array ? (value[0].GetInt32(), value[1].GetInt32()) : value.GetInt32();
    }
}
