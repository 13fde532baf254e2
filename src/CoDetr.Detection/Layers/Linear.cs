using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>y = activation(x Wᵀ + b [+ residual]) over the last dimension.</summary>
internal sealed class Linear : Module
{
    private readonly Parameter weight;
    private readonly Parameter bias;

    /// <param name="inputs">Channels in.</param>
    /// <param name="outputs">Channels out.</param>
    /// <param name="weightStart">How the weight starts; PyTorch's default if null.</param>
    /// <param name="biasStart">How the bias starts; PyTorch's default if null.</param>
    internal Linear(int inputs, int outputs, Initializer? weightStart = null, Initializer? biasStart = null)
    {
        weight = Add("weight", [outputs, inputs], weightStart ?? Initializer.Default);
        bias = Add("bias", [outputs], biasStart ?? Initializer.DefaultBias(inputs));
    }

    internal Tensor Forward(Tensor x, Activation activation = Activation.None, Tensor? residual = null) =>
        x.Linear(weight.Value, bias.Value, activation, residual);

    /// <summary>The same without activation in f32, whatever x is stored as: logits, boxes and sampling points are not rounded.</summary>
    internal Tensor ForwardF32(Tensor x) => x.Linear(weight.Value, bias.Value, output: DType.F32);
}
