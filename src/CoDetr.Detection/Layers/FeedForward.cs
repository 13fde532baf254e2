using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>x + W₂ ReLU(W₁ x + b₁) + b₂ (spec/model.md §5.3).</summary>
internal sealed class FeedForward : Module
{
    private readonly Linear widen;
    private readonly Linear narrow;

    internal FeedForward(int width, int hidden)
    {
        widen = Add("layers.0.0", new Linear(width, hidden, Initializer.XavierUniform));
        narrow = Add("layers.1", new Linear(hidden, width, Initializer.XavierUniform));
    }

    internal Tensor Forward(Tensor x) => narrow.Forward(widen.Forward(x, Activation.Relu), residual: x);
}
