using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class MaskTargetsTests
{
    private const int Height = 13, Width = 17, Most = 2, Side = 7;
    private static readonly int[] Objects = [1, 0, -1, 0, 1, -2];
    private static readonly float[] Sizes = [11, 17, 13, 14.5f];
    private static readonly byte[] Masks = [.. Enumerable.Range(0, 2 * Most * Height * Width).Select(i => (byte)(i * 7919 % 1009 % 5 < 3 ? 1 : 0))];
    private static readonly float[] Truth = [1.3f, 2.1f, 9.4f, 8.7f, 3, 3, 16.2f, 10.9f, 0, 0, 5.6f, 4.4f, 2.2f, 6.1f, 14.9f, 12.6f];

    public static TheoryData<OpCase> Cases => [Case(true), Case(false)];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void AMaskThatIsItsBoxIsABox()
    {
        using StepScope scope = StepScope.Begin();
        byte[] drawn = new byte[16 * 16];
        for (int i = 0; i < drawn.Length; i++)
        {
            drawn[i] = (byte)(i % 16 is >= 4 and < 12 && i / 16 is >= 2 and < 10 ? 255 : 0);
        }

        Tensor boxes = Tensor.From([2f, 0, 14, 12, 4, 2, 12, 10, 9, 9, 9, 9, -5, -5, 40, 40], [1, 4, 4]), truth = Tensor.From([4f, 2, 12, 10], [1, 1, 4]);
        Tensor objects = Tensor.From([0, 0, 0, 0], [1, 4]), sizes = Tensor.From([16f, 16], [1, 2]);
        float[] drawing = boxes.MaskTargets(objects, truth, Tensor.From(drawn, [1, 1, 16, 16]), sizes, 4).ToArray();
        Assert.Equal(drawing, boxes.MaskTargets(objects, truth, null, sizes, 4).ToArray());
        int[] inner = [0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0]; // bins of 3 × 3 pixels, of which the outer ones show a third
        Assert.Equal(inner, drawing[..16].Select(v => (int)v));
        Assert.All(drawing[16..32], v => Assert.Equal(1, v));
        Assert.All(drawing[32..48], v => Assert.Equal(0, v)); // without area
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor boxes = Tensor.Zeros([2, 3, 4]), objects = Tensor.Zeros([2, 3], DType.I32), truth = Tensor.Zeros([2, 5, 4]), sizes = Tensor.Zeros([2, 2]);
        Assert.Equal(
            "MaskTargets: masks must be U8[batch, most, height, width] with batch = 2 and most = 5, got U8[2, 4, 8, 8].",
            Assert.Throws<ShapeException>(() => boxes.MaskTargets(objects, truth, Tensor.Zeros([2, 4, 8, 8], DType.U8), sizes, 28)).Message);
        Assert.Equal(
            "MaskTargets: truth must be [batch, most, 4] with batch = 2, got [5, 4].",
            Assert.Throws<ShapeException>(() => boxes.MaskTargets(objects, Tensor.Zeros([5, 4]), null, sizes, 28)).Message);
    }

    private static OpCase Case(bool drawn) => new(
        drawn ? "masks" : "boxes",
        [[2, 3, 4]],
        t => t[0].MaskTargets(
            Tensor.From(Objects, [2, 3], t[0].Device), Numbers(Truth, [2, Most, 4], t[0]),
            drawn ? Tensor.From(Masks, [2, Most, Height, Width], t[0].Device) : null,
            Numbers(Sizes, [2, 2], t[0]), Side),
        v => Reference(v[0], drawn))
    {
        // A corner somewhere in the picture (or just beyond it), and a size of a few pixels or more than the picture.
        Adapt = (_, x) => Math.Abs(x) * 6.37,
        IsDifferentiable = false,
        HasHalf = false,
    };

    private static Tensor Numbers(float[] values, Shape shape, Tensor like) =>
        like.DType == DType.F64 ? Tensor.From([.. values.Select(v => (double)v)], shape, like.Device) : Tensor.From(values, shape, like.Device);

    private static double[] Reference(double[] boxes, bool drawn)
    {
        List<double> y = [];
        for (int r = 0; r < Objects.Length; r++)
        {
            int image = r / 3, k = Objects[r];
            int height = drawn ? Math.Min(Height, (int)Math.Ceiling(Sizes[2 * image])) : (int)Math.Ceiling(Sizes[2 * image]);
            int width = drawn ? Math.Min(Width, (int)Math.Ceiling(Sizes[(2 * image) + 1])) : (int)Math.Ceiling(Sizes[(2 * image) + 1]);
            double Pixel(int row, int column)
            {
                ReadOnlySpan<float> box = Truth.AsSpan(((image * Most) + k) * 4, 4);
                return drawn
                    ? Masks[(((((image * Most) + k) * Height) + row) * Width) + column]
                    : column + 0.5 >= box[0] && column + 0.5 < box[2] && row + 0.5 >= box[1] && row + 0.5 < box[3] ? 1 : 0;
            }

            double[] b = [.. Enumerable.Range(0, 4).Select(i => Math.Clamp(boxes[(4 * r) + i], 0, i % 2 == 0 ? width : height))];
            for (int bin = 0; bin < Side * Side; bin++)
            {
                y.Add(k < 0 ? 0 : Mean(b, bin / Side, bin % Side, height, width, Pixel) >= 0.5 ? 1 : 0);
            }
        }

        return [.. y];
    }

    private static double Mean(double[] b, int row, int column, int height, int width, Func<int, int, double> pixel)
    {
        double tall = (b[3] - b[1]) / Side, wide = (b[2] - b[0]) / Side, sum = 0;
        (int rows, int columns) = ((int)Math.Ceiling(tall), (int)Math.Ceiling(wide));
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                double y = Math.Clamp(b[1] - 0.5 + ((row + ((i + 0.5) / rows)) * tall), 0, height - 1);
                double x = Math.Clamp(b[0] - 0.5 + ((column + ((j + 0.5) / columns)) * wide), 0, width - 1);
                (int top, int left) = ((int)y, (int)x);
                for (int corner = 0; corner < 4; corner++)
                {
                    (int cy, int cx) = (top + (corner / 2), left + (corner % 2));
                    double weight = (1 - Math.Abs(y - cy)) * (1 - Math.Abs(x - cx));
                    sum += weight > 0 ? weight * pixel(cy, cx) : 0;
                }
            }
        }

        return sum / Math.Max(rows * columns, 1);
    }
}
