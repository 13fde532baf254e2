namespace CoDetr.Tensors;

/// <summary>Minimum-cost one-to-one assignment, batched (Kuhn, 1955; the shortest-augmenting-path form). No gradient.</summary>
public static class HungarianOp
{
    private static readonly Kernel Single = new("hungarian.cu", "hungarian_f32");
    private static readonly Kernel Double = new("hungarian.cu", "hungarian_f64");

    extension(Tensor cost)
    {
        /// <summary>
        /// Matches predictions and truths so that the sum of costs is smallest; every truth gets a prediction if there are enough, and the other way round.
        /// Equal costs are decided as SciPy's <c>linear_sum_assignment</c> does. A cost that is not finite counts as larger than any sum of finite ones.
        /// </summary>
        /// <param name="counts"><c>i32[images]</c>: truths of each picture; problem p belongs to picture p modulo their number. The cost is <c>f32 or f64[problems, most, predictions]</c>.</param>
        /// <returns><c>i32[problems, predictions]</c>: the truth each prediction answers for, or -1; and <c>i32[problems]</c>: costs that were not finite.</returns>
        public (Tensor Match, Tensor NotFinite) Hungarian(Tensor counts)
        {
            Check.Rank(cost, 3);
            (int problems, int most, int predictions, int images) = (cost.Shape[0], cost.Shape[1], cost.Shape[2], counts.Shape[0]);
            Check.That(images > 0 && problems % images == 0, $"{problems} problems do not divide among {images} pictures.");
            Tensor match = Tensor.Empty([problems, predictions], DType.I32, cost.Device), bad = Tensor.Empty([problems], DType.I32, cost.Device);
            int columns = Math.Max(most, predictions), rows = Math.Min(most, predictions);
            int doubles = rows + (2 * columns) + ((rows + (3 * columns) + 1) / 2), scratch = doubles * sizeof(double);
            long operations = (long)rows * rows * columns;
            Tensor? workspace = scratch <= cost.Device.MostScratchBytes ? null : Tensor.Empty([problems, doubles], DType.F64, cost.Device);
            cost.Device.Launch(
                cost.DType == DType.F64 ? Double : Single, Work.Teams(problems, columns, workspace is null ? scratch : 0, operations), match, bad, workspace,
                cost, counts, problems, images, most, predictions, doubles);
            return (match, bad);
        }
    }
}
