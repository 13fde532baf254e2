using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>
/// Averaged weights: after each update <c>average += m · (value − average)</c> over all of a model's numbers, buffers too, with
/// <c>m(t) = (1 − momentum) · e^(−(1 + t) / warm-up) + momentum</c>. Source: the exponential momentum hook of the published ViT recipe.
/// </summary>
public sealed class MovingAverage : IDisposable
{
    private const double Momentum = 1e-4;
    private const double WarmupSteps = 2000;

    private readonly FlatParameters parameters;

    /// <summary>Starts at the present values.</summary>
    public MovingAverage(FlatParameters parameters)
    {
        this.parameters = parameters;
        using StepScope persistent = StepScope.Persistent();
        Values = parameters.Values.Like();
        CopyTo(Values, parameters.Values);
    }

    /// <summary>The averages: <c>f32[n]</c>, in the order of <see cref="FlatParameters.Values"/>.</summary>
    public Tensor Values { get; }

    /// <summary>The share of the way to the values that update number <paramref name="step"/> (from 0) makes.</summary>
    public static double ShareAfter(long step) => ((1 - Momentum) * Math.Exp(-(1 + step) / WarmupSteps)) + Momentum;

    /// <summary>Takes the values into account, unless the norm is not finite.</summary>
    /// <param name="numbers">Of this update, <c>f64[5]</c>, with the share.</param>
    /// <param name="norm">The gradients' global norm, <c>f32[1]</c>.</param>
    public void Update(Tensor numbers, Tensor norm) => Values.AverageInPlace(parameters.Values, numbers, norm);

    /// <summary>Puts the averages into the model until the result is disposed: for evaluation and for what is saved for use.</summary>
    public IDisposable Swap() => new Swapped(parameters.Values, Values);

    /// <summary>Frees the averages.</summary>
    public void Dispose() => Values.Dispose();

    private static void CopyTo(Tensor to, Tensor from) => to.Device.Copy(from.Pointer, to.Pointer, to.Count * sizeof(float));

    private sealed class Swapped : IDisposable
    {
        private readonly Tensor model;
        private readonly Tensor trained;

        internal Swapped(Tensor model, Tensor average)
        {
            this.model = model;
            using (StepScope.Persistent())
            {
                trained = model.Like();
            }

            CopyTo(trained, model);
            CopyTo(model, average);
        }

        public void Dispose()
        {
            CopyTo(model, trained);
            trained.Dispose();
        }
    }
}
