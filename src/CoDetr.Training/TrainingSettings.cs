using CoDetr.Data;

namespace CoDetr.Training;

/// <summary>Where a training reads and writes, and how often. None of it changes a bit of what is learned.</summary>
public sealed record TrainingSettings
{
    /// <summary>The data set's folder.</summary>
    public required string Data { get; init; }

    /// <summary>The run's folder.</summary>
    public required string Out { get; init; }

    /// <summary>Threads that load pictures.</summary>
    public int LoaderWorkers { get; init; } = 2;

    /// <summary>Updates between saves; 0 saves after epochs and every few minutes only.</summary>
    public int SaveEvery { get; init; }

    /// <summary>
    /// Pictures at once in evaluation; as in training if null. The neck's group norms see the padding, so a model is at its best on pictures that are
    /// padded as in training: on <c>digits-tiny</c> that is worth 4 AP.
    /// </summary>
    public int? EvaluationBatch { get; init; }

    /// <summary>Whether a run that is already there is replaced.</summary>
    public bool Overwrite { get; init; }
}

/// <summary>One update, as the log and the display show it.</summary>
/// <param name="Step">Updates made, this one included.</param>
/// <param name="Steps">Updates of the whole training.</param>
/// <param name="Epoch">From 1.</param>
/// <param name="Rate">The learning rate before factors.</param>
/// <param name="Result">Losses and norm.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="DataSeconds">How much of that was waiting for pictures.</param>
/// <param name="PeakBytes">The most that tensors held.</param>
public sealed record StepReport(long Step, long Steps, int Epoch, double Rate, StepResult Result, double Seconds, double DataSeconds, long PeakBytes);

/// <summary>Who wants to know how a training goes. All calls come from the training's thread.</summary>
public sealed class TrainingEvents
{
    /// <summary>After each update.</summary>
    public Action<StepReport>? Stepped { get; init; }

    /// <summary>While an evaluation runs: pictures done, and all.</summary>
    public Action<int, int>? Evaluating { get; init; }

    /// <summary>After an evaluation, with the epoch from 1.</summary>
    public Action<int, Evaluation, CocoFile>? Evaluated { get; init; }

    /// <summary>Something that people should read, one line.</summary>
    public Action<string>? Noted { get; init; }
}
