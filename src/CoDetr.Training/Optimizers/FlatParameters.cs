using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>
/// All numbers of a model in one buffer, so that an update, a norm, an average or a snapshot is one pass over memory. First the trained parameters, then
/// buffers and frozen parameters. The model's own tensors become views of it; gradients of trained parameters flow straight into <see cref="Gradients"/>.
/// </summary>
public sealed class FlatParameters : IDisposable
{
    private const int Alignment = OptimizerOp.Block; // each parameter takes whole blocks of the update; the zeros between them stay zero

    private readonly (string Name, Parameter Parameter)[] ordered;
    private readonly long[] starts;

    /// <summary>Gathers the parameters of a model.</summary>
    /// <param name="module">The model; its tensors lie here from now on.</param>
    public FlatParameters(Module module)
    {
        ordered = [.. module.NamedParameters().OrderBy(pair => pair.Parameter.IsTrained ? 0 : 1)]; // stable: the model's order within each half
        starts = new long[ordered.Length + 1];
        for (int i = 0; i < ordered.Length; i++)
        {
            starts[i + 1] = starts[i] + ((ordered[i].Parameter.Value.Count + Alignment - 1) / Alignment * Alignment);
        }

        TrainedParameters = ordered.Count(pair => pair.Parameter.IsTrained);
        TrainedCount = ordered.Where(pair => pair.Parameter.IsTrained).Sum(pair => pair.Parameter.Value.Count);
        using StepScope persistent = StepScope.Persistent();
        Values = Tensor.Zeros([checked((int)starts[^1])]);
        Trained = Values.View(0, [(int)starts[TrainedParameters]]);
        Gradients = Tensor.Zeros(Trained.Shape);
        Values.Storage.IsKept = Gradients.Storage.IsKept = true;
        for (int i = 0; i < ordered.Length; i++)
        {
            Move(ordered[i].Parameter.Value, starts[i], i < TrainedParameters);
        }
    }

    /// <summary>Everything: <c>f32[n]</c>.</summary>
    public Tensor Values { get; }

    /// <summary>The part of <see cref="Values"/> that training changes by gradient.</summary>
    public Tensor Trained { get; }

    /// <summary>The gradients of <see cref="Trained"/>, place by place; backward adds to them.</summary>
    public Tensor Gradients { get; }

    /// <summary>How many parameters are trained.</summary>
    public int TrainedParameters { get; }

    /// <summary>How many numbers are trained.</summary>
    public long TrainedCount { get; }

    /// <summary>Where each trained parameter starts, and where the last one ends: <c>TrainedParameters + 1</c> numbers.</summary>
    public ReadOnlySpan<long> Starts => starts.AsSpan(0, TrainedParameters + 1);

    /// <summary>Names and parameters in the order in which they lie here.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Ordered => ordered;

    /// <summary>Sets all gradients to zero.</summary>
    public void ClearGradients() => Gradients.Device.Clear(Gradients.Pointer, Gradients.Count * sizeof(float));

    /// <summary>The first parameter whose gradient is not finite; null if all are.</summary>
    public string? FirstBrokenGradient()
    {
        float[] gradients = Gradients.ToArray();
        int at = Array.FindIndex(gradients, value => !float.IsFinite(value));
        return at < 0 ? null : ordered[Array.FindLastIndex(starts, start => start <= at)].Name;
    }

    /// <summary>Frees the buffers, and with them the model's numbers.</summary>
    public void Dispose()
    {
        Values.Dispose();
        Gradients.Dispose();
    }

    private void Move(Tensor value, long start, bool isTrained)
    {
        value.MoveTo(Values.View(start, value.Shape));
        if (isTrained)
        {
            value.Grad = Gradients.View(start, value.Shape);
            value.OwnsGrad = true;
        }
    }
}
