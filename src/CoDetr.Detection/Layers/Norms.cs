using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Layer normalisation over the last dimension.</summary>
internal sealed class LayerNorm : Module
{
    private readonly Parameter weight;
    private readonly Parameter bias;
    private readonly float epsilon;

    internal LayerNorm(int channels, float epsilon = 1e-5f)
    {
        weight = Add("weight", [channels], Initializer.One);
        bias = Add("bias", [channels], Initializer.Zero);
        this.epsilon = epsilon;
    }

    internal Tensor Forward(Tensor x) => x.LayerNorm(weight.Value, bias.Value, epsilon);
}

/// <summary>Group normalisation of channels-last maps, 32 groups.</summary>
internal sealed class GroupNorm : Module
{
    private const int Groups = 32;
    private readonly Parameter weight;
    private readonly Parameter bias;

    internal GroupNorm(int channels)
    {
        weight = Add("weight", [channels], Initializer.One);
        bias = Add("bias", [channels], Initializer.Zero);
    }

    internal Tensor Forward(Tensor x, Activation activation = Activation.None) => x.GroupNorm(Groups, weight.Value, bias.Value, activation: activation);
}

/// <summary>Batch normalisation. With its running statistics it is a scale and a shift, which the convolution before it applies.</summary>
internal sealed class BatchNorm : Module
{
    private readonly Parameter weight;
    private readonly Parameter bias;
    private readonly Parameter mean;
    private readonly Parameter variance;
    private readonly bool isTrained;

    /// <param name="channels">Channels.</param>
    /// <param name="isTrained">Whether the affine part is trained and training uses the batch's statistics.</param>
    /// <param name="startsAtZero">Whether the weight starts at 0: the last norm of a residual block.</param>
    internal BatchNorm(int channels, bool isTrained, bool startsAtZero = false)
    {
        weight = Add("weight", [channels], startsAtZero ? Initializer.Zero : Initializer.One, isTrained: isTrained);
        bias = Add("bias", [channels], Initializer.Zero, isTrained: isTrained);
        mean = AddBuffer("running_mean", [channels], Initializer.Zero);
        variance = AddBuffer("running_var", [channels], Initializer.One);
        AddDerived("num_batches_tracked", [], DType.I64);
        this.isTrained = isTrained;
    }

    /// <summary>Whether the convolution before it can apply this norm: its statistics are fixed and its affine part gets no gradient.</summary>
    internal bool IsFoldable => !(isTrained && IsTraining) && !(weight.IsTrained && GradNode.Records(weight.Value));

    /// <summary>act(norm(x) + residual); where it uses the batch's statistics, the running ones follow.</summary>
    internal Tensor Forward(Tensor x, Activation activation, Tensor? residual) => x.BatchNorm(
        weight.Value, bias.Value, mean.Value, variance.Value, training: isTrained && IsTraining, activation: activation, residual: residual);

    /// <summary>The scale and shift that equal this norm with its running statistics.</summary>
    internal (Tensor Scale, Tensor Shift) Folded()
    {
        using NoGrad off = NoGrad.Begin();
        Tensor scale = weight.Value / (variance.Value + 1e-5f).Sqrt();
        return (scale, bias.Value - (mean.Value * scale));
    }
}
