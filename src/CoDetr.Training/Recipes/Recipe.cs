using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>The algorithms that turn gradients into updates.</summary>
public enum OptimizerKind
{
    /// <summary>Adam with decoupled weight decay.</summary>
    AdamW,

    /// <summary>Stochastic gradient descent with momentum.</summary>
    Sgd,
}

/// <summary>All settings of a training: a checkpoint keeps them, and <c>with</c> makes a variant.</summary>
public sealed record Recipe
{
    /// <summary>A model of the zoo.</summary>
    public required string Model { get; init; }

    /// <summary>What is different about the model's auxiliary heads.</summary>
    public Collaboration Collaboration { get; init; } = new();

    /// <summary>The file of ImageNet weights that the backbone starts from; null: it starts afresh.</summary>
    public string? Backbone { get; init; }

    /// <summary>Whether only some classes take part in a step's class losses: for data sets with many rare ones (paper, §4.3).</summary>
    public bool FederatedLoss { get; init; }

    /// <summary>Passes over the data.</summary>
    public int Epochs { get; init; } = 12;

    /// <summary>Pictures a batch.</summary>
    public int BatchSize { get; init; } = 2;

    /// <summary>Batches an update; their gradients are averaged.</summary>
    public int Accumulate { get; init; } = 1;

    /// <summary>How gradients become updates.</summary>
    public OptimizerKind Optimizer { get; init; } = OptimizerKind.AdamW;

    /// <summary>The learning rate of every step.</summary>
    public LearningRateSchedule Schedule { get; init; } = new();

    /// <summary>Decoupled weight decay of all parameters.</summary>
    public double WeightDecay { get; init; } = 1e-4;

    /// <summary>The global norm that gradients are clipped to; 0 clips nothing.</summary>
    public double ClipNorm { get; init; } = 0.1;

    /// <summary>Exceptions by parameter name.</summary>
    public IReadOnlyList<ParameterRule> Rules { get; init; } = [];

    /// <summary>How activations are stored: f32, or f16 or bf16 on a device that does so. Weights are f32 always.</summary>
    public DType Precision { get; init; } = DType.F32;

    /// <summary>Whether averaged weights are kept, evaluated and saved for use.</summary>
    public bool MovingAverage { get; init; }

    /// <summary>Whether activations are computed again in backward instead of kept.</summary>
    public bool Recompute { get; init; }

    /// <summary>Epochs between evaluations; the last epoch is always evaluated. The best of them is kept.</summary>
    public int EvaluateEvery { get; init; } = 1;

    /// <summary>What happens to the pictures.</summary>
    public Augmentation Augmentation { get; init; } = Augmentation.None;

    /// <summary>Everything random follows from it.</summary>
    public long Seed { get; init; }

    /// <summary>The same with a backbone that starts from a file and so learns at a tenth of the rate.</summary>
    /// <param name="file">Null changes nothing.</param>
    public Recipe WithBackbone(string? file) => file is null ? this : this with { Backbone = file, Rules = [.. Rules, new ParameterRule("backbone", 0.1)] };

    /// <summary>The same with another number of epochs; milestones keep their share of the training.</summary>
    /// <param name="epochs">Null changes nothing.</param>
    public Recipe WithEpochs(int? epochs) => epochs is not int count || count == Epochs ? this : this with
    {
        Epochs = count,
        Schedule = Schedule with { Milestones = [.. Schedule.Milestones.Select(milestone => Math.Max(1, (int)((long)milestone * count / Epochs)))] },
    };
}
