using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class CopyTests
{
    private static readonly int[][] Orders =
    [
        [4, 3, 2, 1, 0], [0, 2, 1, 3, 4], [0, 1, 3, 2, 4], [1, 0, 2, 3, 4], [0, 4, 1, 2, 3], [3, 4, 0, 1, 2], [2, 0, 4, 3, 1], [1, 3, 0, 2, 4],
    ];

    public static TheoryData<OpCase> Cases =>
    [
        .. from order in Orders select Permuted([2, 3, 4, 3, 2], order),
        .. from order in Orders select Permuted([2, 1, 3, 1, 5], order),
        Permuted([2, 37, 65], [0, 2, 1]),
        Permuted([3, 2, 2, 2, 3, 2, 2], [6, 0, 5, 1, 4, 2, 3]),
        new OpCase("transpose", [[2, 3, 4]], t => t[0].Transpose(-1, 1), v => Along(v[0], [2, 3, 4], [0, 2, 1])),
        new OpCase("reshape", [[2, 6]], t => t[0].Reshape(3, -1).Square(), v => [.. v[0].Select(x => x * x)]),
        new OpCase("slice of rows", [[7, 3]], t => t[0].Slice(0, 2, 4).Square(), v => [.. v[0][6..18].Select(x => x * x)]),
        new OpCase("slice of columns", [[2, 5]], t => t[0].Slice(-1, 1, 3), v => [.. v[0][1..4], .. v[0][6..9]]),
        new OpCase(
            "two slices of one tensor",
            [[2, 5]],
            t => t[0].Slice(1, 0, 2) * t[0].Slice(1, 3, 2),
            v => [v[0][0] * v[0][3], v[0][1] * v[0][4], v[0][5] * v[0][8], v[0][6] * v[0][9]]),
        new OpCase("concat in front", [[2, 3], [1, 3]], t => Tensor.Concat(0, t[0], t[1]), v => [.. v[0], .. v[1]]),
        new OpCase("concat at the end", [[2, 2], [2, 1], [2, 0]], t => Tensor.Concat(-1, t), v => [.. v[0][..2], v[1][0], .. v[0][2..], v[1][1]]),
        new OpCase("concat with itself", [[2, 1]], t => Tensor.Concat(1, t[0], t[0]), v => [v[0][0], v[0][0], v[0][1], v[0][1]]),
        new OpCase("stack", [[2], [2]], t => Tensor.Stack(-1, t[0], t[1]), v => [v[0][0], v[1][0], v[0][1], v[1][1]]),
        new OpCase("broadcast in front", [[3]], t => t[0].BroadcastTo([2, 2, 3]), v => [.. v[0], .. v[0], .. v[0], .. v[0]]),
        new OpCase("broadcast at the end", [[2, 1]], t => t[0].Expand(2, 3), v => [v[0][0], v[0][0], v[0][0], v[0][1], v[0][1], v[0][1]]),
        new OpCase(
            "broadcast around",
            [[1, 2, 1]],
            t => t[0].BroadcastTo([2, 2, 2]),
            v => [v[0][0], v[0][0], v[0][1], v[0][1], v[0][0], v[0][0], v[0][1], v[0][1]]),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void MasksAndIndicesMoveToo()
    {
        using StepScope scope = StepScope.Begin();
        Tensor mask = Tensor.From<byte>([0, 1, 1, 0, 0, 1], [2, 3]), index = Tensor.From([-1, 2, int.MaxValue, 2139095041, 5, 6], [2, 3]);
        Assert.Equal<byte>([0, 0, 1, 0, 1, 1], mask.Transpose(0, 1).ToArray<byte>());
        Assert.Equal<byte>([1, 1, 0, 1], mask.Slice(1, 1, 2).ToArray<byte>());
        Assert.Equal<byte>([0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 1], Tensor.Concat(1, mask, mask).ToArray<byte>());
        Assert.Equal<byte>([1, 1, 0, 0], mask.Slice(1, 2, 1).Slice(0, 0, 1).BroadcastTo([2, 1]).ToArray<byte>().Concat(mask.Slice(0, 1, 1).Slice(1, 0, 2).ToArray<byte>()));
        Assert.Equal([-1, 2139095041, 2, 5, int.MaxValue, 6], index.Transpose(0, 1).ToArray<int>());
        Assert.Equal([-1, 2, int.MaxValue, 2139095041, 5, 6, -1, 2, int.MaxValue, 2139095041, 5, 6], index.BroadcastTo([2, 2, 3]).ToArray<int>());
    }

    [Fact]
    public void OrdersThatMoveNothingAreViews()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.Zeros([3, 1, 4]);
        Assert.Same(x.Storage, x.Permute(1, 0, 2).Storage);
        Assert.Same(x.Storage, x.Slice(0, 1, 2).Storage);
    }

    [Fact]
    public void CastsBetweenTypes()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From(1.75f, -2.5f, 0f);
        x.RequiresGrad = true;
        Tensor y = x.Cast(DType.F64);
        Assert.Equal([1.75, -2.5, 0.0], y.ToArray<double>());
        y.Cast(DType.F32).Square().SumAll().Backward();
        Assert.Equal([3.5f, -5f, 0f], x.Grad!.ToArray());
        Assert.Equal([1, -2, 0], x.Cast(DType.I32).ToArray<int>());
        Assert.Equal<byte>([7, 0], Tensor.From(7, 0).Cast(DType.U8).ToArray<byte>());
        Assert.Equal([1f, 0f], Tensor.From<byte>(1, 0).Cast(DType.F32).ToArray());
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor x = Tensor.Zeros([2, 3]);
        Assert.Equal("Reshape: [2, 3] has 6 elements, [4] has 4.", Assert.Throws<ShapeException>(() => x.Reshape(4)).Message);
        Assert.Equal("Permute: [0, 0] is no order of the axes of [2, 3].", Assert.Throws<ShapeException>(() => x.Permute(0, 0)).Message);
        Assert.Equal("Slice: axis 1 of [2, 3] has no places 2 to 3.", Assert.Throws<ShapeException>(() => x.Slice(1, 2, 2)).Message);
        Assert.Equal(
            "Concat: tensor 1 is F32[2, 2], which does not join F32[2, 3] along axis 0.",
            Assert.Throws<ShapeException>(() => Tensor.Concat(0, x, Tensor.Zeros([2, 2]))).Message);
        Assert.Equal("BroadcastTo: [2, 3] does not broadcast to [4, 3].", Assert.Throws<ShapeException>(() => x.BroadcastTo([4, 3])).Message);
        Assert.Equal("Cast: there is no way from F32 to I64.", Assert.Throws<ShapeException>(() => x.Cast(DType.I64)).Message);
    }

    private static OpCase Permuted(Shape shape, int[] order) =>
        new($"permute {shape} by [{string.Join(", ", order)}]", [shape], t => t[0].Permute(order), v => Along(v[0], [.. shape], order));

    private static double[] Along(double[] x, int[] sizes, int[] order)
    {
        double[] y = new double[x.Length];
        for (int i = 0; i < y.Length; i++)
        {
            int rest = i, place = 0;
            for (int axis = order.Length - 1; axis >= 0; axis--)
            {
                int size = sizes[order[axis]];
                place += rest % size * sizes.Skip(order[axis] + 1).Aggregate(1, (p, q) => p * q);
                rest /= size;
            }

            y[i] = x[place];
        }

        return y;
    }
}
