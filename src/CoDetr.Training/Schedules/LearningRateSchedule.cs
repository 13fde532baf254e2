namespace CoDetr.Training;

/// <summary>
/// The learning rate of every step: constant, divided at milestones, with an optional linear warm-up. Source: the step policy and warm-up of the
/// published configurations (<c>lr · (1 − (1 − step/steps) · (1 − ratio))</c> during warm-up).
/// </summary>
public sealed record LearningRateSchedule
{
    /// <summary>The rate before the first milestone.</summary>
    public double Rate { get; init; } = 2e-4;

    /// <summary>Epochs, from 0, from whose first step on the rate is multiplied by <see cref="Factor"/> once more.</summary>
    public IReadOnlyList<int> Milestones { get; init; } = [];

    /// <summary>What a milestone multiplies the rate by.</summary>
    public double Factor { get; init; } = 0.1;

    /// <summary>Steps of the linear warm-up; 0 for none.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>The share of the rate at which the warm-up begins.</summary>
    public double WarmupRatio { get; init; } = 0.01;

    /// <summary>The rate of a step.</summary>
    /// <param name="epoch">From 0.</param>
    /// <param name="step">Steps before it since the run began.</param>
    public double At(int epoch, long step)
    {
        double rate = Rate * Math.Pow(Factor, Milestones.Count(milestone => milestone <= epoch));
        return step < WarmupSteps ? rate * (1 - ((1 - ((double)step / WarmupSteps)) * (1 - WarmupRatio))) : rate;
    }
}
