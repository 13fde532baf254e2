using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class LevelSumsTests
{
    private static readonly (int Height, int Width)[] Sizes = [(5, 9), (3, 4), (1, 1)];
    private static readonly int[] Cells = [45, 12, 1];

    public static TheoryData<OpCase> Cases => [Case(2, 1), Case(1, 3), Case(3, 9)];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "LevelSums: x must have 116 rows a picture, got [2, 58].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 58]).LevelSums(new FeatureLevels(Sizes), 2)).Message);

    private static OpCase Case(int batch, int perToken) => new(
        $"{batch} pictures, {perToken} rows of each token",
        [[batch, Cells.Sum() * perToken]],
        t => t[0].LevelSums(new FeatureLevels(Sizes, t[0].Device), perToken),
        v =>
        {
            double[] sums = new double[Cells.Length];
            for (int i = 0; i < v[0].Length; i++)
            {
                int token = i / perToken % Cells.Sum();
                sums[token < Cells[0] ? 0 : token < Cells[0] + Cells[1] ? 1 : 2] += v[0][i];
            }

            return sums;
        })
    {
        HasHalf = false,
    };
}
