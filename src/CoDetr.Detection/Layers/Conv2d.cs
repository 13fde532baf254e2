using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>A square convolution of channels-last maps.</summary>
internal sealed class Conv2d : Module
{
    private readonly Parameter weight;
    private readonly Parameter? bias;
    private readonly Convolution shape;

    internal Conv2d(int inputs, int outputs, int kernel, int stride = 1, bool hasBias = false, Initializer? start = null, Initializer? biasStart = null)
    {
        weight = Add("weight", [outputs, kernel, kernel, inputs], start ?? Initializer.Default, CheckpointLayout.Convolution);
        bias = hasBias ? Add("bias", [outputs], biasStart ?? Initializer.DefaultBias(inputs * kernel * kernel)) : null;
        shape = new Convolution { Stride = stride, Padding = kernel / 2 };
    }

    internal Tensor Forward(Tensor x, Activation activation = Activation.None) => x.Conv2d(weight.Value, shape with { Bias = bias?.Value, Activation = activation });

    /// <summary>The same without activation in f32, whatever x is stored as: predictions are not rounded.</summary>
    internal Tensor ForwardF32(Tensor x) => x.Conv2d(weight.Value, shape with { Bias = bias?.Value, Output = DType.F32 });

    /// <summary>act(norm(conv(x)) + residual): one pass where the norm's statistics are fixed.</summary>
    internal Tensor Forward(Tensor x, BatchNorm norm, Activation activation, Tensor? residual = null)
    {
        if (!norm.IsFoldable)
        {
            return norm.Forward(x.Conv2d(weight.Value, shape), activation, residual);
        }

        (Tensor scale, Tensor shift) = norm.Folded();
        return x.Conv2d(weight.Value, shape with { Scale = scale, Bias = shift, Activation = activation, Residual = residual });
    }
}
