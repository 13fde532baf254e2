using CoDetr.Tensors;

namespace CoDetr.Tests;

public sealed class ShortFloatTests
{
    [Theory]
    [InlineData(1f, 0x3F80)]
    [InlineData(-2.5f, 0xC020)]
    [InlineData(1.00390625f, 0x3F80)] // halfway between 0x3F80 and 0x3F81: to the even one
    [InlineData(1.01171875f, 0x3F82)] // halfway between 0x3F81 and 0x3F82
    [InlineData(1.0039064f, 0x3F81)]
    [InlineData(float.PositiveInfinity, 0x7F80)]
    [InlineData(3.4028235e38f, 0x7F80)]
    [InlineData(1e-45f, 0x0000)]
    public void BF16IsRoundedToNearestEven(float value, int bits) => Assert.Equal([(ushort)bits], ShortFloats.From([value], DType.BF16));

    [Theory]
    [InlineData(1f, 0x3C00)]
    [InlineData(65504f, 0x7BFF)]
    [InlineData(65520f, 0x7C00)]
    [InlineData(1.00048828125f, 0x3C00)] // halfway
    [InlineData(1.00146484375f, 0x3C02)]
    [InlineData(6e-8f, 0x0001)]
    public void F16IsRoundedToNearestEven(float value, int bits) => Assert.Equal([(ushort)bits], ShortFloats.From([value], DType.F16));

    [Fact]
    public void EveryNumberComesBack()
    {
        foreach (DType dtype in new[] { DType.F16, DType.BF16 })
        {
            ushort[] all = [.. Enumerable.Range(0, 1 << 16).Select(i => (ushort)i)];
            float[] numbers = ShortFloats.ToFloats(all, dtype);
            ushort[] again = ShortFloats.From(numbers, dtype);
            Assert.All(Enumerable.Range(0, all.Length), i => Assert.True(float.IsNaN(numbers[i]) || all[i] == again[i], $"{dtype} {all[i]:X4} became {again[i]:X4}"));
        }
    }

    [Fact]
    public void TensorsHoldThem()
    {
        float[] numbers = [0.1f, -3f, 1e5f];
        Tensor x = Tensor.From(numbers, [3], DType.BF16);
        Assert.Equal((6L, "BF16[3]"), (x.Count * x.DType.Size, x.ToString()));
        Assert.Equal([0.10009765625f, -3f, 99840f], x.ToArray());
        Assert.Contains("stores f32", Assert.Throws<NotSupportedException>(() => x.Relu()).Message, StringComparison.Ordinal);
        Assert.Contains("f32 only", Assert.Throws<NotSupportedException>(() => Tensor.Zeros([2, 3]).MatMul(Tensor.Zeros([3, 1], DType.BF16))).Message, StringComparison.Ordinal);
    }
}
