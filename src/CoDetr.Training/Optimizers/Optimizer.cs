using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>Turns the gradients of <see cref="FlatParameters"/> into an update, in one pass over memory.</summary>
public abstract class Optimizer : IDisposable
{
    private readonly float clipNorm;

    /// <summary>Prepares the updates of a model.</summary>
    /// <param name="parameters">Its numbers.</param>
    /// <param name="rules">Factors by parameter name.</param>
    /// <param name="weightDecay">Of all parameters, before factors.</param>
    /// <param name="clipNorm">The largest global norm of the gradients; 0 clips nothing.</param>
    protected Optimizer(FlatParameters parameters, IReadOnlyList<ParameterRule> rules, double weightDecay, double clipNorm)
    {
        (Parameters, WeightDecay, this.clipNorm) = (parameters, weightDecay, (float)clipNorm);
        using StepScope persistent = StepScope.Persistent();
        Rates = Tensor.From<float>(RatesOf(parameters, rules), [(int)(parameters.Trained.Count / OptimizerOp.Block), 2]);
    }

    /// <summary>Updates made so far.</summary>
    public long Updates { get; set; }

    /// <summary>What losses are multiplied by before they are differentiated.</summary>
    public LossScale LossScale { get; init; } = new(DType.F32);

    /// <summary>What must be saved to go on, by name: each <c>f32[n]</c> like <see cref="FlatParameters.Trained"/>.</summary>
    public abstract IReadOnlyList<(string Name, Tensor Value)> State { get; }

    /// <summary>The numbers that are updated.</summary>
    protected FlatParameters Parameters { get; }

    /// <summary>Factors of learning rate and weight decay, block by block: <c>f32[blocks, 2]</c>.</summary>
    protected Tensor Rates { get; }

    /// <summary>Weight decay before factors.</summary>
    protected double WeightDecay { get; }

    /// <summary>The optimizer of a recipe.</summary>
    public static Optimizer For(Recipe recipe, FlatParameters parameters) => recipe.Optimizer switch
    {
        OptimizerKind.Sgd => new Sgd(parameters, recipe.Rules, recipe.WeightDecay, recipe.ClipNorm) { LossScale = new(recipe.Precision) },
        _ => new AdamW(parameters, recipe.Rules, recipe.WeightDecay, recipe.ClipNorm) { LossScale = new(recipe.Precision) },
    };

    /// <summary>The numbers of the next update.</summary>
    /// <param name="rate">The learning rate before factors.</param>
    public virtual UpdateNumbers NumbersOf(double rate) => new(rate);

    /// <summary>Updates the parameters and sets the gradients to zero; the latter only, if the norm is not finite. Whether it was made is counted later.</summary>
    /// <param name="numbers">Of this update, <c>f64[5]</c>.</param>
    /// <param name="norm">The gradients' global norm, <c>f32[1]</c>.</param>
    public void Update(Tensor numbers, Tensor norm) => Update(numbers, norm, clipNorm);

    /// <summary>Frees the state.</summary>
    public void Dispose()
    {
        Rates.Dispose();
        foreach ((_, Tensor value) in State)
        {
            value.Dispose();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>The update itself.</summary>
    protected abstract void Update(Tensor numbers, Tensor norm, float clip);

    /// <summary>A zeroed buffer that lives as long as the optimizer.</summary>
    protected static Tensor Buffer(FlatParameters parameters)
    {
        using StepScope persistent = StepScope.Persistent();
        return Tensor.Zeros(parameters.Trained.Shape);
    }

    private static float[] RatesOf(FlatParameters parameters, IReadOnlyList<ParameterRule> rules)
    {
        float[] rates = new float[parameters.Trained.Count / OptimizerOp.Block * 2];
        ReadOnlySpan<long> starts = parameters.Starts;
        for (int i = 0; i < parameters.TrainedParameters; i++)
        {
            ParameterRule rule = ParameterRule.For(rules, parameters.Ordered[i].Name);
            for (long block = starts[i] / OptimizerOp.Block; block < starts[i + 1] / OptimizerOp.Block; block++)
            {
                (rates[2 * block], rates[(2 * block) + 1]) = ((float)rule.LearningRate, (float)rule.WeightDecay);
            }
        }

        return rates;
    }
}
