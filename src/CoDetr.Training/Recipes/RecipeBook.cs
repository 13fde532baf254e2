namespace CoDetr.Training;

/// <summary>The recipes that are known to work.</summary>
public static class RecipeBook
{
    private static readonly ParameterRule[] SlowSampling = [new("sampling_offsets", 0.1), new("reference_points", 0.1)];

    /// <summary>
    /// The reference learning curves on <c>digits-tiny</c>: from scratch, 24 epochs, no augmentation; the reference reaches AP 36.5.
    /// </summary>
    public static Recipe DigitsTiny { get; } = new()
    {
        Model = "deformable-detr-tiny",
        Epochs = 24,
        BatchSize = 8,
        Schedule = new LearningRateSchedule { Rate = 5e-4, Milestones = [19] },
        Rules = SlowSampling,
    };

    /// <summary>
    /// As much as ten minutes on two cores allow on <c>digits-tiny</c>: pictures half as large again, jittered, longer, averaged weights.
    /// </summary>
    public static Recipe Demo { get; } = DigitsTiny with
    {
        Epochs = 40,
        Schedule = DigitsTiny.Schedule with { Milestones = [33] },
        Augmentation = Augmentation.Jittered(144),
        MovingAverage = true,
        EvaluateEvery = 5,
    };

    /// <summary>
    /// The published recipe of Co-Deformable-DETR for photographs, longer: the backbone starts from scratch and so learns at the full rate.
    /// </summary>
    public static Recipe Photographs { get; } = new()
    {
        Model = "deformable-detr-r50",
        Epochs = 36,
        BatchSize = 2,
        Accumulate = 8,
        Schedule = new LearningRateSchedule { Rate = 2e-4, Milestones = [30] },
        Rules = SlowSampling,
        Augmentation = Augmentation.ForPhotographs(),
    };

    /// <summary>The recipe that fits a model when nothing else is said.</summary>
    public static Recipe For(string model) => (model.EndsWith("-tiny", StringComparison.Ordinal) ? DigitsTiny : Photographs) with { Model = model };
}
