using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Classes of a data set, and objects of all pictures of a step.</summary>
public sealed record FedLossSize(int Classes, int Images, int Objects)
{
    /// <inheritdoc/>
    public override string ToString() => $"50 of {Classes} classes, {Images}×{Objects} objects";
}

/// <summary>The draw of the classes that take part in a federated loss.</summary>
public class FedLossBench : SizedBench<FedLossSize>
{
    private Tensor labels = null!;
    private Tensor counts = null!;

    internal override FedLossSize[] Tiny => [new(70, 2, 3)];

    internal override FedLossSize[] Real => [new(1203, 2, 20)];

    internal override Tensor[] Inputs()
    {
        labels = Make([Size.Images, Size.Objects], () => (int)(Next() * Size.Classes));
        counts = Make([Size.Images], () => Size.Objects);
        return [Make([Size.Classes], () => 1 + (1000 * Next())), Make([Size.Classes], Next)];
    }

    internal override Tensor Run(Tensor[] t) => labels.FederatedClasses(counts, t[0], t[1]);
}
