using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Three linear layers that turn a query into four box logits (spec/model.md §6.6); all branches of a head start equal.</summary>
internal sealed class BoxBranch : Module
{
    private readonly Linear first;
    private readonly Linear second;
    private readonly Linear last;

    internal BoxBranch(int width)
    {
        first = Add("0", new Linear(width, width, Initializer.Default with { Stream = "reg_branch.0.weight" }, Initializer.DefaultBias(width) with { Stream = "reg_branch.0.bias" }));
        second = Add("2", new Linear(width, width, Initializer.Default with { Stream = "reg_branch.2.weight" }, Initializer.DefaultBias(width) with { Stream = "reg_branch.2.bias" }));
        last = Add("4", new Linear(width, 4, Initializer.Zero, Initializer.Zero));
    }

    internal Tensor Forward(Tensor x) => last.ForwardF32(second.Forward(first.Forward(x, Activation.Relu), Activation.Relu));
}
