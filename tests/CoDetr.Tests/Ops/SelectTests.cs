using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class SelectTests
{
    public static TheoryData<OpCase> Cases =>
    [
        Filled([3, 4], [3, 4]), Filled([3, 4], [4]), Filled([3, 4], [3, 1]), Filled([2, 3, 4], [2, 1, 4]), Filled([2, 3, 2, 2], [2, 1, 2, 1]), Filled([2, 2, 2, 2, 2], [2, 1, 2, 1, 2]),
        new OpCase(
            "where",
            [[3, 4], [4]],
            t => Tensor.Where(Mask([3, 1], t[0].Device), t[0], t[1]),
            v => [.. Enumerable.Range(0, 12).Select(i => IsSet(i / 4) ? v[0][i] : v[1][i % 4])]),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor x = Tensor.Zeros([2, 3]);
        Assert.Equal("MaskedFill: mask must be U8, got F32.", Assert.Throws<ShapeException>(() => x.MaskedFill(x, 0)).Message);
        Assert.Equal(
            "MaskedFill: mask [4, 2, 3] does not broadcast to [2, 3].",
            Assert.Throws<ShapeException>(() => x.MaskedFill(Tensor.Zeros([4, 2, 3], DType.U8), 0)).Message);
    }

    private static bool IsSet(int i) => i * 7 % 5 < 2;

    private static Tensor Mask(Shape shape, Device device) =>
        Tensor.From<byte>([.. Enumerable.Range(0, (int)shape.Count).Select(i => (byte)(IsSet(i) ? 1 : 0))], shape, device);

    private static OpCase Filled(Shape shape, Shape mask) => new(
        $"{shape} where {mask}",
        [shape],
        t => t[0].MaskedFill(Mask(mask, t[0].Device), 0.5f),
        v =>
        {
            int[] sizes = [.. Enumerable.Repeat(1, shape.Length - mask.Length), .. mask];
            double[] y = new double[v[0].Length];
            for (int i = 0; i < y.Length; i++)
            {
                int rest = i, place = 0, step = 1;
                for (int axis = shape.Length - 1; axis >= 0; axis--)
                {
                    place += sizes[axis] == 1 ? 0 : rest % shape[axis] * step;
                    step *= sizes[axis];
                    rest /= shape[axis];
                }

                y[i] = IsSet(place) ? 0.5 : v[0][i];
            }

            return y;
        });
}
