namespace CoDetr.Training;

/// <summary>The recipes that are known to work.</summary>
public static class RecipeBook
{
    private static readonly ParameterRule[] DeformableRules = [new("backbone", 0.1), new("sampling_offsets", 0.1), new("reference_points", 0.1)];

    /// <summary>
    /// The reference learning curves on <c>digits-tiny</c>: from scratch, 24 epochs, no augmentation; the reference reaches AP 36.5.
    /// </summary>
    public static Recipe DigitsTiny { get; } = new()
    {
        Model = "deformable-detr-tiny",
        Epochs = 24,
        BatchSize = 8,
        Schedule = new LearningRateSchedule { Rate = 5e-4, Milestones = [19] },
        Rules = [new("sampling_offsets", 0.1), new("reference_points", 0.1)],
    };

    /// <summary>The published recipe of Co-Deformable-DETR for photographs with a pretrained backbone.</summary>
    public static Recipe Photographs { get; } = new()
    {
        Model = "deformable-detr-r50",
        Epochs = 12,
        BatchSize = 2,
        Accumulate = 8,
        Schedule = new LearningRateSchedule { Rate = 2e-4, Milestones = [11] },
        Rules = DeformableRules,
        Augmentation = Augmentation.ForPhotographs(),
    };

    /// <summary>The recipe that fits a model when nothing else is said.</summary>
    public static Recipe For(string model) => model == DigitsTiny.Model ? DigitsTiny : Photographs with { Model = model };
}
