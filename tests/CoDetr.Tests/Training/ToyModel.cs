using CoDetr.Detection;
using CoDetr.Tensors;
using Draws = CoDetr.Detection.Draws;

namespace CoDetr.Tests.Training;

/// <summary>The least that trains: a product over all pixels, a norm, a product; a frozen parameter and a buffer for company.</summary>
internal sealed class ToyModel : Module
{
    private const int Hidden = 16;
    private readonly Parameter weight;
    private readonly Parameter scale;
    private readonly Parameter shift;
    private readonly Parameter head;

    internal ToyModel(int hidden = Hidden)
    {
        weight = Add("backbone.conv.weight", [hidden, 2, 2, 3 * DrawnData.Side * DrawnData.Side / 4], Initializer.Default, CheckpointLayout.Convolution);
        Frozen = Add("backbone.frozen", [5], Initializer.Normal, isTrained: false);
        scale = Add("norm.weight", [hidden], Initializer.One);
        shift = Add("norm.bias", [hidden], Initializer.Zero);
        Buffer = AddBuffer("norm.running", [hidden], Initializer.Zero);
        head = Add("head.sampling_offsets.weight", [4, hidden], Initializer.Default);
        Initialize(7);
    }

    internal Parameter Frozen { get; }

    internal Parameter Buffer { get; }

    /// <summary>Multiplies the first feature: infinity breaks a step.</summary>
    internal float Gain { get; set; } = 1;

    internal LossTable Losses(ImageBatch batch, Truth truth, Draws draws)
    {
        int images = batch.Images.Shape[0], hidden = head.Value.Shape[1];
        Tensor features = batch.Images.Reshape(images, -1).Linear(weight.Value.Reshape(hidden, -1)).LayerNorm(scale.Value, shift.Value);
        Tensor squares = (features.Linear(head.Value) * Gain).Square();
        Tensor[] losses = [squares.MeanAll(), (features - Buffer.Value).Abs().MeanAll() / truth.Counts.Cast(DType.F32).SumAll()];
        Tensor values = Tensor.Stack(0, losses);
        return new LossTable(["loss_a", "loss_b"], values, values.SumAll());
    }
}
