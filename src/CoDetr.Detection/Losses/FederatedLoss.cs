using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>
/// The federated loss for data sets whose rare classes are annotated in few pictures (spec/losses-and-assignment.md §2.6): each step only the classes that its
/// pictures show, and some others, take part in the class loss.
/// </summary>
public sealed class FederatedLoss : IDisposable
{
    private readonly Tensor frequencies;
    private readonly int sampled;

    /// <summary>Uploads the frequencies.</summary>
    /// <param name="frequencies">For each class the pictures of the data set that show it.</param>
    /// <param name="sampled">Classes of a step, if its pictures do not show more.</param>
    public FederatedLoss(IReadOnlyList<int> frequencies, int sampled = 50)
    {
        using StepScope persistent = StepScope.Persistent();
        this.frequencies = Tensor.From<float>([.. frequencies.Select(count => (float)count)]);
        this.sampled = sampled;
    }

    /// <inheritdoc/>
    public void Dispose() => frequencies.Dispose();

    /// <summary>1 for the classes that take part, 0 for the others: <c>f32[classes]</c>, the same for all layers.</summary>
    /// <param name="truth">What the pictures show.</param>
    /// <param name="draws">Of the step.</param>
    internal Tensor Classes(Truth truth, Draws draws) =>
        truth.Labels.FederatedClasses(truth.Counts, frequencies, draws.For("federated").Uniform("classes", frequencies.Shape), sampled);
}
