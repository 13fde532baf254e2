using System.Text.Json;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Activations, softmax and its logarithm.</summary>
internal static class ElementwiseClaims
{
    internal static IReadOnlyList<Claim> List { get; } = [new("ops/act_*", Activation), new("ops/softmax_*", Softmax)];

    private static void Activation(GoldenCase golden)
    {
        Tensor x = golden.Tensor("x", requiresGrad: true);
        string name = golden.Config.GetProperty("name").GetString()!;
        Tensor y = name switch
        {
            "relu" => x.Relu(),
            "sigmoid" => x.Sigmoid(),
            "gelu" => x.Gelu(),
            "gelu_tanh" => x.GeluTanh(),
            "silu" => x.Silu(),
            "softplus" => x.Softplus(),
            _ => throw new JsonException($"There is no activation '{name}'."),
        };
        y.Backward(golden.Tensor("gradout.y"));
        golden.Compare("y", y);
        golden.Compare("grad.x", x.Grad);
    }

    /// <summary>Both outputs have a gradient; x gets their sum.</summary>
    private static void Softmax(GoldenCase golden)
    {
        Tensor x = golden.Tensor("x", requiresGrad: true);
        int axis = golden.Config.GetProperty("dim").GetInt32();
        Tensor y = x.Softmax(axis), logarithm = x.LogSoftmax(axis);
        golden.Compare("y", y);
        golden.Compare("logsoftmax", logarithm);
        ((y * golden.Tensor("gradout.y")).SumAll() + (logarithm * golden.Tensor("gradout.logsoftmax")).SumAll()).Backward();
        golden.Compare("grad.x", x.Grad);
    }
}
