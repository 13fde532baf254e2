namespace CoDetr.Tensors;

/// <summary>
/// Probabilistic anchor assignment: a mixture of two normal distributions parts good anchors from bad ones (spec/losses-and-assignment.md §5.6). No gradient.
/// </summary>
public static class AssignPaaOp
{
    private const int SearchScratch = 256 * (sizeof(double) + sizeof(float)); // least.h: a team's lots
    private const int MostRows = 1 << 24; // a row within its level is exact in f32 up to here
    private static readonly Kernel Begin = new("assign_paa.cu", "assign_paa_begin");
    private static readonly Kernel Candidates = new("assign_paa.cu", "assign_paa_candidates");
    private static readonly Kernel Sort = new("assign_paa.cu", "assign_paa_sort");
    private static readonly Kernel MixtureKernel = new("assign_paa.cu", "assign_paa_mixture");
    private static readonly Kernel Keep = new("assign_paa.cu", "assign_paa_keep");

    extension(Tensor values)
    {
        /// <summary>
        /// Fits two normal distributions to each problem's values by expectation and maximisation, as scikit-learn's <c>GaussianMixture</c> does from the
        /// outermost values on. A problem of less than two values is left alone.
        /// </summary>
        /// <param name="sizes"><c>i32[problems]</c>: values of each; this tensor is <c>f32[problems, n]</c>.</param>
        /// <returns>
        /// The component of each value, <c>i32[problems, n]</c>; the logarithm of its density, <c>f64[problems, n]</c>; and means, variances and weights,
        /// <c>f64[problems, 3, 2]</c>.
        /// </returns>
        public (Tensor Component, Tensor Density, Tensor Mixture) FitMixture(Tensor sizes)
        {
            Check.Rank(values, 2);
            (int problems, int n) = (values.Shape[0], values.Shape[1]);
            Check.Shape(sizes, [problems]);
            Tensor component = Tensor.Empty([problems, n], DType.I32, values.Device), density = Tensor.Empty([problems, n], DType.F64, values.Device);
            Tensor mixture = Tensor.Empty([problems, 3, 2], DType.F64, values.Device);
            values.Device.Launch(
                MixtureKernel, Work.Teams(problems, n, 2 * n * sizeof(double), 2000L * n), component, density, mixture, values, sizes, problems, n);
            return (component, density, mixture);
        }
    }

    extension(Tensor first)
    {
        /// <summary>
        /// Of the anchors that a first assignment gave to a truth, those of least loss on each level are candidates; those that belong to the mixture's better
        /// component stay positive, up to its densest one. The others become negatives.
        /// </summary>
        /// <param name="losses"><c>f32[batch, rows]</c>; this tensor is <c>i32[batch, rows]</c>: the truth, -1, or -2.</param>
        /// <param name="levels">The levels whose tokens the anchors belong to.</param>
        /// <param name="perToken">Anchors of each token.</param>
        /// <param name="counts"><c>i32[batch]</c>: truths of each picture.</param>
        /// <param name="most">Truths of the picture that has most.</param>
        /// <param name="least">Candidates of each truth and level.</param>
        /// <returns><c>i32[batch, rows]</c></returns>
        public Tensor AssignPaa(Tensor losses, FeatureLevels levels, int perToken, Tensor counts, int most, int least = 9)
        {
            Check.Rank(first, 2);
            (int batch, int rows) = (first.Shape[0], levels.Tokens * perToken);
            Check.Shape(first, [batch, rows]);
            Check.Shape(losses, [batch, rows]);
            Check.Shape(counts, [batch]);
            Check.That(rows <= MostRows, $"there are at most {MostRows} anchors, got {rows}.");
            Check.That(least > 0, $"least must be positive, got {least}.");
            Device device = first.Device;
            int ofTruth = levels.Count * least;
            Tensor index = first.Like(), candidates = first.New(batch, most, ofTruth), sorted = candidates.Like(), sizes = first.New(batch * most);
            Tensor values = losses.New(batch * most, ofTruth);
            device.Launch(Begin, Work.Elements(first.Count), index, first, first.Count);
            device.Launch(
                Candidates, Work.Teams((long)batch * most * levels.Count, Math.Min(rows, 256), SearchScratch, 2L * rows / levels.Count),
                candidates, first, losses, counts, levels.Starts, batch, most, rows, levels.Count, perToken, least);
            device.Launch(
                Sort, Work.Teams((long)batch * most, ofTruth, cost: (long)ofTruth * ofTruth), sorted, values, sizes, candidates, losses, counts,
                batch, most, rows, ofTruth);
            (Tensor component, Tensor density, _) = values.FitMixture(sizes);
            device.Launch(
                Keep, Work.Teams((long)batch * most, ofTruth), index, component, density, sorted, sizes, batch, most, rows, ofTruth);
            return index;
        }
    }
}
