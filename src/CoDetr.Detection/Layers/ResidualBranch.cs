using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>How a residual branch joins: always, or with stochastic depth in training (Huang et al., 2016).</summary>
/// <param name="Rate">The share of pictures that skip it in training.</param>
/// <param name="Consumer">The name under which it draws.</param>
internal readonly record struct ResidualBranch(float Rate, string Consumer)
{
    /// <summary>x + branch.</summary>
    /// <param name="x"><c>real[batch, height, width, channels]</c></param>
    /// <param name="draws">Null when detecting: no picture skips then.</param>
    /// <param name="branch">Computes the branch, and adds what it is given (unless null) in its last pass.</param>
    /// <returns><c>real[batch, height, width, channels]</c></returns>
    internal Tensor Join(Tensor x, Draws? draws, Func<Tensor?, Tensor> branch) =>
        draws is null || Rate == 0 ? branch(x) : x.StochasticDepth(branch(null), draws.Uniform(Consumer, [x.Shape[0]]), Rate);

    /// <summary>Rates that grow evenly from 0 at the first of so many blocks to <paramref name="last"/> at the last.</summary>
    internal static float RateOf(int block, int blocks, float last) => blocks > 1 ? last * block / (blocks - 1) : 0;
}
