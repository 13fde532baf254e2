using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>What one update was made of.</summary>
/// <param name="Names">The losses' names.</param>
/// <param name="Losses">Their values, weights included, averaged over accumulated batches.</param>
/// <param name="Total">Their sum.</param>
/// <param name="GradientNorm">The global norm before clipping.</param>
/// <param name="Images">Pictures.</param>
/// <param name="Objects">Objects that could be learned from.</param>
public sealed record StepResult(IReadOnlyList<string> Names, float[] Losses, float Total, float GradientNorm, int Images, int Objects);

/// <summary>
/// One update: upload, losses, backward, clip, update, average. The only place that knows both batches and models. Each batch has its own
/// <see cref="StepScope"/>, so that nothing outlives it; the host reads two small tensors a batch at most.
/// </summary>
public sealed class TrainingStep
{
    private readonly Func<ImageBatch, Truth, LossTable> losses;
    private readonly FlatParameters parameters;
    private readonly Optimizer optimizer;
    private readonly MovingAverage? average;

    /// <summary>Prepares updates of a model.</summary>
    /// <param name="losses">The model's losses of a batch.</param>
    /// <param name="parameters">Its numbers.</param>
    /// <param name="optimizer">How they change.</param>
    /// <param name="average">Their moving average, if one is kept.</param>
    public TrainingStep(Func<ImageBatch, Truth, LossTable> losses, FlatParameters parameters, Optimizer optimizer, MovingAverage? average = null) =>
        (this.losses, this.parameters, this.optimizer, this.average) = (losses, parameters, optimizer, average);

    /// <summary>Makes one update.</summary>
    /// <param name="batches">Whose gradients are averaged.</param>
    /// <param name="rate">The learning rate.</param>
    /// <remarks>Throws <see cref="BrokenStepException"/> if a loss or gradient is not finite; then no parameter has changed.</remarks>
    public StepResult Run(IReadOnlyList<Batch> batches, double rate)
    {
        IReadOnlyList<string> names = [];
        float[] sums = [];
        foreach (Batch batch in batches)
        {
            (names, float[] values) = Gather(batch, 1f / batches.Count);
            sums = sums.Length == 0 ? values : [.. sums.Zip(values, (a, b) => a + b)];
            if (!Array.TrueForAll(values, float.IsFinite))
            {
                throw Broken(batch, "a loss");
            }
        }

        using StepScope scope = StepScope.Begin();
        Tensor norm = parameters.Gradients.GlobalNorm();
        float length = norm.ToScalar();
        if (!float.IsFinite(length))
        {
            throw Broken(batches.FirstOrDefault(HasBrokenGradient) ?? batches[^1], "a gradient");
        }

        optimizer.Update(rate, norm);
        average?.Update(optimizer.Updates - 1);
        return new StepResult(names, sums, sums.Sum(), length, batches.Sum(b => b.Count), batches.Sum(b => b.ObjectCounts.Sum()));
    }

    /// <summary>The pictures of a batch on the device.</summary>
    public static ImageBatch Upload(Batch batch) => new(
        Tensor.From<float>(batch.Images.AsSpan(0, batch.ImageElements), [batch.Count, batch.Height, batch.Width, ImageU8.Channels]),
        [.. batch.Heights.Zip(batch.Widths, (height, width) => new ImageSize(height, width))]);

    /// <summary>The objects of a batch on the device.</summary>
    public static Truth UploadTruth(Batch batch)
    {
        int most = batch.MaxObjects;
        return Truth.From(
            [.. Enumerable.Range(0, batch.Count).Select(i => batch.Boxes[(i * most * 4)..(((i * most) + batch.ObjectCounts[i]) * 4)])],
            [.. Enumerable.Range(0, batch.Count).Select(i => batch.Labels[(i * most)..((i * most) + batch.ObjectCounts[i])])]);
    }

    /// <summary>Computes the losses of a batch and adds their gradients, times <paramref name="share"/>.</summary>
    private (IReadOnlyList<string> Names, float[] Values) Gather(Batch batch, float share)
    {
        using StepScope scope = StepScope.Begin();
        LossTable table = losses(Upload(batch), UploadTruth(batch));
        table.Values.Storage.IsKept = true; // backward leaves it for the download below
        table.Total.Backward(Tensor.From<float>([share], table.Total.Shape));
        float[] values = table.Values.ToArray();
        for (int i = 0; i < values.Length; i++)
        {
            values[i] *= share;
        }

        return (table.Names, values);
    }

    private bool HasBrokenGradient(Batch batch)
    {
        parameters.ClearGradients();
        Gather(batch, 1);
        using StepScope scope = StepScope.Begin();
        return !float.IsFinite(parameters.Gradients.GlobalNorm().ToScalar());
    }

    private BrokenStepException Broken(Batch batch, string what)
    {
        string? op = NonFinite.FirstOp(() =>
        {
            parameters.ClearGradients();
            Gather(batch, 1);
        });
        string? parameter = parameters.FirstBrokenGradient();
        parameters.ClearGradients();
        string place = op is null ? "it did not happen again when repeated" : $"first in {op}";
        return new BrokenStepException(batch, $"{what} is not finite: {place}{(parameter is null ? "" : $"; the gradient of {parameter} is broken")}");
    }
}

/// <summary>A step failed and has changed nothing.</summary>
/// <param name="batch">The batch that did it.</param>
/// <param name="message">What is not finite, and the first op.</param>
internal sealed class BrokenStepException(Batch batch, string message) : Exception(message)
{
    /// <summary>The batch.</summary>
    internal Batch Batch { get; } = batch;
}
