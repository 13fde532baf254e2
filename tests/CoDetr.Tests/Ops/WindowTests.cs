using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class WindowTests
{
    public static TheoryData<OpCase> Cases =>
    [
        Partition(2, 4, 6, 3, 2), Partition(1, 5, 4, 1, 3), Partition(1, 3, 7, 2, 2, byColumns: true), Partition(2, 5, 3, 2, 4, isFilled: true),
        Partition(1, 2, 3, 70, 2, isFilled: true), Merge(2, 4, 6, 3, 2), Merge(1, 5, 7, 2, 3),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor x = Tensor.Zeros([1, 4, 4, 3]);
        Assert.Equal(
            "WindowPartition: fill must be [channels] = [3], got [2].",
            Assert.Throws<ShapeException>(() => x.WindowPartition(2, Tensor.Zeros([2]))).Message);
        Assert.Equal(
            "WindowMerge: x must be [batch · 4, 4, channels] for windows of 2 of a map of 4×4, got [3, 4, 5].",
            Assert.Throws<ShapeException>(() => Tensor.Zeros([3, 4, 5]).WindowMerge(2, (4, 4))).Message);
    }

    /// <summary>The place in the map of each token, in the order of the windows; -1 beyond the map.</summary>
    private static int[] Cells(int batch, int height, int width, int size, bool byColumns = false)
    {
        List<int> cells = [];
        for (int b = 0; b < batch; b++)
        {
            for (int top = 0; top < height; top += size)
            {
                for (int left = 0; left < width; left += size)
                {
                    for (int t = 0; t < size * size; t++)
                    {
                        (int i, int j) = byColumns ? (t % size, t / size) : (t / size, t % size);
                        cells.Add(top + i < height && left + j < width ? (((b * height) + top + i) * width) + left + j : -1);
                    }
                }
            }
        }

        return [.. cells];
    }

    private static OpCase Partition(int batch, int height, int width, int channels, int size, bool byColumns = false, bool isFilled = false)
    {
        int[] cells = Cells(batch, height, width, size, byColumns);
        return new OpCase(
            $"{batch}×{height}×{width}×{channels} into {size}{(byColumns ? " by columns" : "")}{(isFilled ? " filled" : "")}",
            isFilled ? [[batch, height, width, channels], [channels]] : [[batch, height, width, channels]],
            t => t[0].WindowPartition(size, isFilled ? t[1] : null, byColumns),
            v => [.. from cell in cells from c in Enumerable.Range(0, channels) select cell >= 0 ? v[0][(cell * channels) + c] : isFilled ? v[1][c] : 0])
        { AlwaysF32 = [1] };
    }

    private static OpCase Merge(int batch, int height, int width, int channels, int size)
    {
        int[] cells = Cells(batch, height, width, size);
        return new OpCase(
            $"{batch}×{height}×{width}×{channels} from {size}",
            [[cells.Length / size / size, size * size, channels]],
            t => t[0].WindowMerge(size, (height, width)),
            v => [.. from cell in Enumerable.Range(0, batch * height * width) from c in Enumerable.Range(0, channels) select v[0][(Array.IndexOf(cells, cell) * channels) + c]]);
    }
}
