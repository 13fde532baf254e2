using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>y = activation(x Wᵀ + b [+ residual]) over the last dimension.</summary>
internal sealed class Linear : Module
{
    private readonly Parameter weight;
    private readonly Parameter? bias;

    /// <param name="inputs">Channels in.</param>
    /// <param name="outputs">Channels out.</param>
    /// <param name="weightStart">How the weight starts; PyTorch's default if null.</param>
    /// <param name="biasStart">How the bias starts; PyTorch's default if null.</param>
    /// <param name="hasBias">Whether there is a bias.</param>
    internal Linear(int inputs, int outputs, Initializer? weightStart = null, Initializer? biasStart = null, bool hasBias = true)
    {
        weight = Add("weight", [outputs, inputs], weightStart ?? Initializer.Default);
        bias = hasBias ? Add("bias", [outputs], biasStart ?? Initializer.DefaultBias(inputs)) : null;
    }

    internal Tensor Forward(Tensor x, Activation activation = Activation.None, Tensor? residual = null) =>
        x.Linear(weight.Value, bias?.Value, activation, residual);

    /// <summary>The same without activation in f32, whatever x is stored as: logits, boxes and sampling points are not rounded.</summary>
    internal Tensor ForwardF32(Tensor x) => x.Linear(weight.Value, bias?.Value, output: DType.F32);
}

/// <summary>y = activation(W x + b) of a whole map x, square and flattened.</summary>
internal sealed class MapLinear : Module
{
    private readonly Parameter weight;
    private readonly Parameter bias;

    /// <param name="side">Height and width of the maps.</param>
    /// <param name="channels">Their channels.</param>
    /// <param name="outputs">Channels out.</param>
    /// <param name="weightStart">How the weight starts.</param>
    /// <param name="biasStart">How the bias starts.</param>
    internal MapLinear(int side, int channels, int outputs, Initializer weightStart, Initializer biasStart)
    {
        weight = Add("weight", [outputs, side, side, channels], weightStart, CheckpointLayout.FlattenedMap);
        bias = Add("bias", [outputs], biasStart);
    }

    /// <param name="maps"><c>real[boxes, height, width, channels]</c></param>
    /// <param name="activation">Applied last.</param>
    /// <returns><c>real[boxes, outputs]</c></returns>
    internal Tensor Forward(Tensor maps, Activation activation = Activation.None) =>
        maps.Reshape(maps.Shape[0], -1).Linear(weight.Value.Reshape(weight.Value.Shape[0], -1), bias.Value, activation);
}
