namespace CoDetr.Tensors;

/// <summary>One number for each level of a feature pyramid.</summary>
public static class LevelSumsOp
{
    private static readonly Kernel Forward = new("level_sums.cu", "level_sums_forward");
    private static readonly Kernel Backward = new("level_sums.cu", "level_sums_backward");

    extension(Tensor x)
    {
        /// <summary>Sums what lies on each level, over all pictures.</summary>
        /// <param name="levels">The levels whose tokens the rows belong to; this tensor is <c>f32[batch, rows]</c>.</param>
        /// <param name="perToken">Rows of each token.</param>
        /// <returns><c>f32[levels]</c></returns>
        public Tensor LevelSums(FeatureLevels levels, int perToken = 1)
        {
            Check.Rank(x, 2);
            Check.That(x.Shape[1] == levels.Tokens * perToken, $"x must have {levels.Tokens * perToken} rows a picture, got {x.Shape}.");
            Tensor y = Tensor.Empty([levels.Count], x.DType, x.Device);
            x.Device.Launch(
                Forward, Work.Teams(levels.Count, 1024, cost: x.Count / levels.Count), y, x, levels.Starts, x.Shape[0], x.Shape[1], levels.Count, perToken);
            return GradNode.Record(nameof(LevelSums), y, [x], dy =>
            {
                Tensor dx = x.Like();
                x.Device.Launch(Backward, Work.Elements(x.Count, 4), dx, dy, levels.OfToken, x.Count, x.Shape[1], perToken);
                return [dx];
            });
        }
    }
}
