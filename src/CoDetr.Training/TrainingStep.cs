using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Tensors;
using Draws = CoDetr.Detection.Draws;

namespace CoDetr.Training;

/// <summary>What one update was made of.</summary>
/// <param name="Names">The losses' names.</param>
/// <param name="Losses">Their values, weights included, averaged over accumulated batches.</param>
/// <param name="Total">Their sum.</param>
/// <param name="GradientNorm">The global norm before clipping; not finite where the update was left out because f16 gradients overflowed.</param>
/// <param name="Images">Pictures.</param>
/// <param name="Objects">Objects that could be learned from.</param>
/// <param name="LossScale">What the losses were multiplied by before they were differentiated.</param>
public sealed record StepResult(IReadOnlyList<string> Names, float[] Losses, float Total, float GradientNorm, int Images, int Objects, double LossScale = 1)
{
    /// <summary>Whether parameters changed.</summary>
    public bool IsUpdated => float.IsFinite(GradientNorm);
}

/// <summary>
/// One update: upload, losses, backward, clip, update, average. The only place that knows both batches and models. Each batch has its own
/// <see cref="StepScope"/>, so that nothing outlives it, and is one upload; the host waits once, when all is launched, and reads one small tensor. Whether
/// the update is made is decided on the device.
/// </summary>
public sealed class TrainingStep : IDisposable
{
    private readonly Func<ImageBatch, Truth, Draws, LossTable> losses;
    private readonly long seed;
    private readonly bool isRepeatable;
    private readonly FlatParameters parameters;
    private readonly Optimizer optimizer;
    private readonly MovingAverage? average;
    private readonly StepRecorder recorder = new();

    /// <summary>Prepares updates of a model.</summary>
    /// <param name="losses">The model's losses of a batch.</param>
    /// <param name="parameters">Its numbers.</param>
    /// <param name="optimizer">How they change.</param>
    /// <param name="average">Their moving average, if one is kept.</param>
    /// <param name="seed">Random numbers follow from it, and from each batch's epoch and step.</param>
    /// <param name="isRepeatable">Whether batches of one shape always launch the same, so that a device may record it.</param>
    public TrainingStep(
        Func<ImageBatch, Truth, Draws, LossTable> losses, FlatParameters parameters, Optimizer optimizer, MovingAverage? average = null, long seed = 0,
        bool isRepeatable = true) =>
        (this.losses, this.parameters, this.optimizer, this.average, this.seed, this.isRepeatable) = (losses, parameters, optimizer, average, seed, isRepeatable);

    /// <summary>Makes one update.</summary>
    /// <param name="batches">Whose gradients are averaged.</param>
    /// <param name="rate">The learning rate.</param>
    /// <remarks>Throws <see cref="BrokenStepException"/> if a loss or gradient is not finite; then no parameter has changed.</remarks>
    public StepResult Run(IReadOnlyList<Batch> batches, double rate)
    {
        (IReadOnlyList<string> names, float[] report) = Launch(batches, rate);
        (int count, float share, LossScale scale) = (names.Count, 1f / batches.Count, optimizer.LossScale);
        float[] sums = new float[count];
        for (int i = 0; i < report.Length - 1; i++)
        {
            sums[i % count] = (i < count ? 0 : sums[i % count]) + (report[i] * share);
            if (!float.IsFinite(report[i]))
            {
                throw Broken(batches[i / count], "a loss");
            }
        }

        (names, sums, float total) = WithoutLevels(names, sums);
        StepResult result = new(names, sums, total, report[^1], batches.Sum(b => b.Count), batches.Sum(b => b.ObjectCounts.Sum()), scale.Value);
        if (result.IsUpdated)
        {
            optimizer.Updates++;
            scale.Passed();
        }
        else if (scale.CanShrink)
        {
            scale.Overflowed();
        }
        else
        {
            throw Broken(batches.FirstOrDefault(HasBrokenGradient) ?? batches[^1], "a gradient");
        }

        return result;
    }

    /// <summary>Whether batches of some shape are repeated from a recording.</summary>
    internal bool HasRecording => recorder.HasRecording;

    /// <summary>Frees what was recorded.</summary>
    public void Dispose() => recorder.Dispose();

    /// <summary>Everything of an update up to the download: the losses' names; their values, batch by batch, and the norm.</summary>
    private (IReadOnlyList<string> Names, float[] Report) Launch(IReadOnlyList<Batch> batches, double rate)
    {
        double scale = optimizer.LossScale.Value;
        UpdateNumbers numbers = optimizer.NumbersOf(rate) with { Unscale = 1 / scale, AverageShare = MovingAverage.ShareAfter(optimizer.Updates) };
        float share = (float)(scale / batches.Count);
        if (batches.Count == 1 && isRepeatable && recorder.For(batches[0], Update) is RecordedStep recorded)
        {
            return (recorded.Names, recorded.Run(batches[0], seed, share, numbers));
        }

        using StepScope scope = StepScope.Begin();
        IReadOnlyList<string> names = [];
        Tensor[] values = new Tensor[batches.Count];
        Tensor? onDevice = null;
        for (int i = 0; i < batches.Count; i++)
        {
            using StepScope ofBatch = StepScope.Begin();
            DeviceBatch batch = DeviceBatch.Upload(batches[i], seed, share, numbers);
            (names, values[i]) = Gather(batch);
            ofBatch.Keep(values[i]);
            onDevice = i == batches.Count - 1 ? ofBatch.Keep(batch.Numbers) : null;
        }

        return (names, Finish(values, onDevice!).ToArray());
    }

    /// <summary>An update by one batch: what is recorded.</summary>
    private (IReadOnlyList<string> Names, Tensor Report) Update(DeviceBatch batch)
    {
        (IReadOnlyList<string> names, Tensor values) = Gather(batch);
        return (names, Finish([values], batch.Numbers));
    }

    /// <summary>Norm, update and average, when all gradients are there; the report.</summary>
    private Tensor Finish(Tensor[] values, Tensor numbers)
    {
        Tensor report = Tensor.Concat(0, values).WithNorm(parameters.Gradients.GlobalNorm(), numbers);
        Tensor norm = report.View(report.Count - 1, [1]);
        optimizer.Update(numbers, norm);
        average?.Update(numbers, norm);
        return report;
    }

    /// <summary>Computes the losses of a batch and adds their gradients, times its share.</summary>
    private (IReadOnlyList<string> Names, Tensor Values) Gather(DeviceBatch batch)
    {
        LossTable table = losses(batch.Pictures, batch.Truth, batch.Draws);
        table.Values.Storage.IsKept = true; // backward leaves it for the report
        table.Total.Backward(batch.Share);
        return (table.Names, table.Values);
    }

    /// <summary>Losses of the levels of a pyramid added up, and the total of what is a loss.</summary>
    private static (IReadOnlyList<string> Names, float[] Losses, float Total) WithoutLevels(IReadOnlyList<string> names, float[] losses)
    {
        OrderedDictionary<string, float> sums = [];
        for (int i = 0; i < losses.Length; i++)
        {
            string name = names[i].TrimEnd("0123456789".ToCharArray()) is { } start && start.EndsWith('.') ? start[..^1] : names[i];
            sums[name] = sums.GetValueOrDefault(name) + losses[i];
        }

        return ([.. sums.Keys], [.. sums.Values], sums.Where(pair => pair.Key.Contains("loss", StringComparison.Ordinal)).Sum(pair => pair.Value));
    }

    /// <summary>Computes a batch's gradients alone.</summary>
    private void Repeat(Batch batch)
    {
        parameters.ClearGradients();
        using StepScope scope = StepScope.Begin();
        Gather(DeviceBatch.Upload(batch, seed));
    }

    private bool HasBrokenGradient(Batch batch)
    {
        Repeat(batch);
        using StepScope scope = StepScope.Begin();
        return !float.IsFinite(parameters.Gradients.GlobalNorm().ToScalar());
    }

    private BrokenStepException Broken(Batch batch, string what)
    {
        string? op = NonFinite.FirstOp(() => Repeat(batch));
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
