using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>What losses are divided by: counts and sums of weights, on the device.</summary>
internal static class AverageFactor
{
    private const float Epsilon = 1.1920929e-07f; // the reference adds the spacing of f32 at 1 to every average factor

    /// <summary>
    /// The mean of a number over the replicas of a model (<c>reduce_mean</c> of the reference): every factor that is one for all replicas passes here, and
    /// nowhere else do losses meet other processes. One process trains one replica, so the mean is the number.
    /// </summary>
    /// <param name="number"><c>f32[1]</c> or <c>f32[]</c>, or several numbers at once</param>
    internal static Tensor ReduceMean(Tensor number) => number;

    /// <summary>Sums · weight / (max(factor, least) + ε).</summary>
    /// <param name="sums">One sum for each level, <c>f32[levels]</c>, or a single one.</param>
    /// <param name="factor"><c>f32[1]</c> or <c>f32[]</c></param>
    /// <param name="weight">Of the loss in the total.</param>
    /// <param name="least">The smallest factor to divide by.</param>
    /// <returns>The shape of <paramref name="sums"/>.</returns>
    internal static Tensor Over(Tensor sums, Tensor factor, float weight, float least = 1) =>
        sums * (weight / (factor.Reshape().Clamp(least, float.PositiveInfinity) + Epsilon));
}
