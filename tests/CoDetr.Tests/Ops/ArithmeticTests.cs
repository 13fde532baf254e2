using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class ArithmeticTests
{
    private static readonly (string Name, Func<Tensor, Tensor, Tensor> Op, Func<double, double, double> Reference)[] Functions =
    [
        ("add", (a, b) => a + b, (a, b) => a + b),
        ("subtract", (a, b) => a - b, (a, b) => a - b),
        ("multiply", (a, b) => a * b, (a, b) => a * b),
        ("divide", (a, b) => a / b, (a, b) => a / b),
        ("maximum", (a, b) => a.Maximum(b), Math.Max),
        ("minimum", (a, b) => a.Minimum(b), Math.Min),
        ("gated", (a, b) => a.SiluTimes(b), (a, b) => a / (1 + Math.Exp(-a)) * b),
    ];

    private static readonly (Shape A, Shape B)[] Meetings =
    [
        ([5, 7], [5, 7]),           // the same shape
        ([4, 33], [33]),            // a row, as a bias
        ([33], [4, 33]),
        ([6, 35], [6, 1]),          // a column
        ([3, 11], []),              // one number
        ([], [3, 11]),
        ([2, 5, 9], [2, 1, 9]),     // the middle
        ([2, 5, 9], [1, 5, 1]),     // both ends
        ([4, 1], [1, 6]),           // both repeat
        ([2, 1, 3, 4], [5, 1, 4]),  // more groups than the kernel has
        ([2, 3, 2, 3, 2], [2, 1, 2, 1, 2]),
        ([0, 3], [3]),
        ([1, 1], [1]),
    ];

    public static TheoryData<OpCase> Cases =>
    [
        .. from function in Functions
           from meeting in Meetings
           select new OpCase(
               $"{function.Name} {meeting.A} {meeting.B}",
               [meeting.A, meeting.B],
               t => function.Op(t[0], t[1]),
               v => Reference(v[0], meeting.A, v[1], meeting.B, function.Reference))
           {
               Adapt = (i, x) => i == 1 && function.Name == "divide" ? Math.Abs(x) + 0.5 : x,
           },
        new OpCase("a tensor with itself", [[3, 5]], t => t[0] * t[0], v => [.. v[0].Select(x => x * x)]),
        LongColumns(700, 3),
        LongColumns(3, 5000),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void TiesShareTheGradient()
    {
        using StepScope scope = StepScope.Begin();
        Tensor a = Tensor.From(1f, 2f), b = Tensor.From(1f, 1f);
        (a.RequiresGrad, b.RequiresGrad) = (true, true);
        a.Maximum(b).SumAll().Backward();
        Assert.Equal([0.5f, 1f], a.Grad!.ToArray());
        Assert.Equal([0.5f, 0f], b.Grad!.ToArray());
    }

    [Fact]
    public void NamesShapesThatDoNotMeet() => Assert.Equal(
        "Add: shapes [2, 3] and [2] do not broadcast.",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 3]) + Tensor.Zeros([2])).Message);

    [Fact]
    public void NamesTypesThatDiffer() => Assert.Equal(
        "Multiply: b must hold F32 as a does, got I32[2].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([2]) * Tensor.Zeros([2], DType.I32)).Message);

    /// <summary>Gradients that are summed in several rounds; checked by the sum over the long side only, so that the differences stay cheap.</summary>
    private static OpCase LongColumns(int rows, int columns) => new(
        $"a row and a column of [{rows}, {columns}]",
        [[columns < rows ? columns : 1], [columns < rows ? 1 : rows, 1]],
        t => (Tensor.Zeros([rows, columns], t[0].DType, t[0].Device) + t[0]) * t[1],
        v => [.. from i in Enumerable.Range(0, rows) from j in Enumerable.Range(0, columns) select v[0][columns < rows ? j : 0] * v[1][columns < rows ? 0 : i]])
    {
        GradientTolerance = 1e-4,
    };

    private static double[] Reference(double[] a, Shape shapeA, double[] b, Shape shapeB, Func<double, double, double> function)
    {
        int rank = Math.Max(shapeA.Length, shapeB.Length);
        int[] sizeA = [.. Enumerable.Repeat(1, rank - shapeA.Length), .. shapeA], sizeB = [.. Enumerable.Repeat(1, rank - shapeB.Length), .. shapeB];
        int[] size = [.. sizeA.Zip(sizeB, (p, q) => p == 1 ? q : p)];
        double[] y = new double[size.Aggregate(1, (p, q) => p * q)];
        for (int i = 0; i < y.Length; i++)
        {
            int rest = i, stepA = 1, stepB = 1, placeA = 0, placeB = 0;
            for (int axis = rank - 1; axis >= 0; axis--)
            {
                int at = rest % size[axis];
                rest /= size[axis];
                placeA += sizeA[axis] == 1 ? 0 : at * stepA;
                placeB += sizeB[axis] == 1 ? 0 : at * stepB;
                stepA *= sizeA[axis];
                stepB *= sizeB[axis];
            }

            y[i] = function(a[placeA], b[placeB]);
        }

        return y;
    }
}
