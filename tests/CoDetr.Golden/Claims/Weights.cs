using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Moves a case's stored weights into a module, and its gradients to the comparison; both under the official names.</summary>
internal static class Weights
{
    /// <summary>Fills every parameter of the module from the stored array <paramref name="prefix"/> + name; a missing one is a failure.</summary>
    internal static T Filled<T>(this T module, GoldenCase golden, string prefix = "w.")
        where T : Module
    {
        foreach ((string name, Parameter parameter) in module.NamedParameters())
        {
            parameter.Import(golden.Floats(prefix + name));
        }

        return module;
    }

    /// <summary>Compares the gradient of each parameter for which one is stored under <c>grad.</c> + <paramref name="prefix"/> + name.</summary>
    internal static void CompareGradients(this Module module, GoldenCase golden, string prefix = "w.")
    {
        foreach ((string name, Parameter parameter) in module.NamedParameters())
        {
            if (golden.Has($"grad.{prefix}{name}"))
            {
                golden.Compare<float>($"grad.{prefix}{name}", parameter.ExportGrad());
            }
        }
    }

    /// <summary>A stored <c>[sequence, batch, channels]</c> array as the engine has it, <c>[batch, sequence, channels]</c>.</summary>
    internal static Tensor BatchFirst(this GoldenCase golden, string name, bool requiresGrad = false) => golden.Permuted(name, requiresGrad, 1, 0, 2);

    /// <summary>Compares a <c>[batch, sequence, channels]</c> result with a stored <c>[sequence, batch, channels]</c> array.</summary>
    internal static void CompareBatchFirst(this GoldenCase golden, string name, Tensor? result) => golden.ComparePermuted(name, result, 1, 0, 2);

    /// <summary>A scalar whose gradient is the given upstream gradients of several outputs: Σ output · upstream.</summary>
    internal static void Backward(params (Tensor Output, Tensor Upstream)[] outputs) =>
        Tensor.Concat(0, [.. outputs.Select(pair => (pair.Output * pair.Upstream).SumAll().Reshape(1))]).SumAll().Backward();
}
