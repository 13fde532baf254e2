using CoDetr.Data;

namespace CoDetr.Tests.Data;

public sealed class SegmentationTests
{
    [Fact]
    public void RunsOfATableByHand()
    {
        byte[] mask =
        [
            0, 1, 0,
            0, 1, 1,
        ];
        RunLengths runs = RunLengths.FromMask(mask, 2, 3);
        Assert.Equal([2, 2, 1, 1], runs.Runs); // column by column
        Assert.Equal(mask, runs.ToMask());
        Assert.Equal(3, runs.Area);
        Assert.Equal((1, 0, 2, 2), runs.Bounds());
    }

    [Fact]
    public void StringsGoThereAndBack()
    {
        var draws = new RandomDraws(5, "masks");
        for (int trial = 0; trial < 50; trial++)
        {
            int height = draws.Between(1, 300), width = draws.Between(1, 300);
            var mask = new byte[height * width];
            for (int box = 0; box < 5; box++)
            {
                int x = draws.Between(0, width - 1), y = draws.Between(0, height - 1);
                for (int yy = y; yy < Math.Min(height, y + 60); yy++)
                    mask.AsSpan(yy * width + x, Math.Min(60, width - x)).Fill(1);
            }
            RunLengths runs = RunLengths.FromMask(mask, height, width);
            Assert.Equal(runs.Runs, RunLengths.Parse(height, width, runs.ToString()).Runs);
            Assert.Equal(mask, runs.ToMask());
        }
    }

    [Fact]
    public void AStringOfTheReferenceDecodes()
    {
        // pycocotools: a box of 3 by 2 pixels at (1, 1) of an image of 4 by 5
        RunLengths runs = RunLengths.FromMask([0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0], 4, 5);
        Assert.Equal([5, 2, 2, 2, 2, 2, 5], runs.Runs);
        Assert.Equal("5220003", runs.ToString());
        Assert.Throws<FormatException>(() => RunLengths.Parse(4, 5, "5 2"));
        Assert.Throws<FormatException>(() => RunLengths.Parse(4, 5, "X"));
    }

    [Fact]
    public void ARectangleFillsItsPixels()
    {
        Segmentation square = Segmentation.FromPolygons([[10, 20, 40, 20, 40, 60, 10, 60]]);
        RunLengths runs = square.ToRunLengths(80, 100);
        Assert.Equal(30 * 40, runs.Area);
        Assert.Equal((10, 20, 30, 40), runs.Bounds());
    }

    [Fact]
    public void PolygonsAreUnited()
    {
        Segmentation two = Segmentation.FromPolygons([[0, 0, 10, 0, 10, 10, 0, 10], [5, 5, 15, 5, 15, 15, 5, 15]]);
        Assert.Equal(100 + 100 - 25, two.ToRunLengths(20, 20).Area);
    }

    [Fact]
    public void ATriangleCoversHalfItsBox()
    {
        RunLengths triangle = Segmentation.FromPolygons([[2, 2, 42, 2, 2, 42]]).ToRunLengths(50, 50);
        Assert.InRange(triangle.Area, 780, 860);
    }

    [Fact]
    public void KeepsMasksOfAFile()
    {
        string folder = Path.Combine(Repository.Root, "tests", "data", "quirks");
        CocoFile file = CocoFile.Read(Path.Combine(folder, "ok_crowd_rle.json"));
        Assert.Equal(1200, file.Images[0].Annotations[0].Segmentation!.ToRunLengths(80, 100).Area);
        Assert.Equal(4000, file.Images[0].Annotations[1].Segmentation!.ToRunLengths(80, 100).Area);
        Assert.Null(CocoFile.Read(Path.Combine(folder, "ok_crowd_rle.json"), keepMasks: false).Images[0].Annotations[0].Segmentation);
    }
}
