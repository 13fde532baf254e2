using CoDetr.Data;

namespace CoDetr.Tests.Data;

/// <summary>What transforms do to masks, on drawings small enough to check by eye.</summary>
public sealed class MaskTransformTests
{
    private static readonly Segmentation Flag = Stencil.Mask(
        "##...",
        "#....",
        "#...#");

    [Theory]
    [InlineData(FlipDirection.Horizontal, "...##", "....#", "#...#")]
    [InlineData(FlipDirection.Vertical, "#...#", "#....", "##...")]
    [InlineData(FlipDirection.Diagonal, "#...#", "....#", "...##")]
    public void AreMirrored(FlipDirection direction, params string[] expected) => Assert.Equal(expected, Apply([new RandomFlip(1, direction)]));

    /// <summary>Places by min(floor(d · scale), size − 1): of five columns three take 0, 1, 3, and eight take 0, 0, 1, 1, 2, 3, 3, 4.</summary>
    [Fact]
    public void TakeTheNearestPixelsOfAResize()
    {
        Assert.Equal(["##.", "#..", "#.."], Apply([Exactly(3, 3)]));
        Assert.Equal(["####....", "##......", "##.....#"], Apply([Exactly(3, 8)]));
        Assert.Equal(["##...", "##...", "#....", "#....", "#...#", "#...#"], Apply([Exactly(6, 5)]));
        Assert.Equal(["###.", "##.."], Apply([Exactly(3, 3), Exactly(2, 4)])); // of what was resized before, not of the file's image
    }

    [Fact]
    public void AreCutAndLeftOutWithTheirBoxes()
    {
        Sample sample = Begin(3, 5);
        sample.AddObject(0, 0, 2, 1, 7, Stencil.Mask("##...", ".....", "....."));
        sample.AddObject(0, 0, 5, 3, 8, Flag);
        sample.AddObject(4, 2, 5, 3, 9, Stencil.Mask(".....", ".....", "....#"));
        Assert.True(new RandomCrop(2, 4).Apply(sample, new Given(2, 4, 1, 1))); // height, width, top, left
        Assert.Equal([8, 9], sample.Labels);
        Assert.Equal(["....", "...#"], Stencil.Rows(sample, 0));
        Assert.Equal(["....", "...#"], Stencil.Rows(sample, 1));
        Assert.True(new RandomCrop(1, 1).Apply(sample, new Given(1, 1, 0, 0)));
        Assert.Equal([8], sample.Labels);
        Assert.Equal(["."], Stencil.Rows(sample, 0)); // in its box, but not of its mask
    }

    [Fact]
    public void AreZeroWhereTheImageIsPadded()
    {
        Assert.Equal(["##....", "#.....", "#...#.", "......"], Apply([new Pad(4, 6, 114)]));
        Assert.Equal(["......", ".#...#", ".....#", "....##"], Apply([new Pad(4, 6, 114), new RandomFlip(1, FlipDirection.Diagonal)]));
        Sample sample = Begin(3, 5);
        sample.AddObject(0, 0, 5, 3, 0, Flag);
        Assert.Equal(["##.....", "#......", "#...#..", "......."], Stencil.Rows(sample, 0, height: 4, width: 7));
    }

    /// <summary>White pixels go through the same chain as the mask that says where they were.</summary>
    [Fact]
    public void FollowTheImageThroughAnyChain()
    {
        Pipeline chain = new(
            [new RandomFlip(), new RandomCrop(9, 12), new Pad(12, 20, 0), new RandomFlip(0.5, FlipDirection.Vertical), Exactly(24, 40), new RandomCrop(8, 30)]);
        var draws = new RandomDraws(3, "chains");
        for (int trial = 0; trial < 200; trial++)
        {
            Sample sample = Begin(20, 20);
            byte[] mask = [.. Enumerable.Range(0, 400).Select(_ => (byte)draws.Between(0, 1))];
            for (int i = 0; i < sample.Image.Pixels.Length; i++)
                sample.Image.Pixels[i] = (byte)(255 * mask[i / 3]);
            sample.AddObject(0, 0, 20, 20, 0, Segmentation.FromRuns(RunLengths.FromMask(mask, 20, 20)));
            Assert.True(chain.Apply(sample, draws));
            if (sample.Labels.Count == 0)
                continue; // only padding was left
            // Twice the size leaves a pixel of the same three quarters its side of the middle.
            byte[] white = [.. Enumerable.Range(0, sample.Image.Pixels.Length / 3).Select(i => (byte)(sample.Image.Pixels[3 * i] >= 128 ? 1 : 0))];
            Assert.Equal(Stencil.Rows(white, sample.Image.Width), Stencil.Rows(sample, 0));
        }
    }

    public static TheoryData<string> Nothing => ["no segmentation", "no ones", "no corners", "a line", "outside the image"];

    [Theory, MemberData(nameof(Nothing))]
    public void AnObjectWithoutAMaskIsItsBox(string what)
    {
        Sample sample = Begin(3, 5);
        sample.AddObject(0.6, 0.4, 3.4, 2.6, 0, what switch
        {
            "no ones" => Stencil.Mask(".....", ".....", "....."),
            "no corners" => Segmentation.FromPolygons([[]]),
            "a line" => Segmentation.FromPolygons([[1, 1, 3, 1]]),
            "outside the image" => Segmentation.FromPolygons([[10, 10, 12, 10, 10, 12]]),
            _ => null,
        });
        Assert.Equal([".##..", ".##..", ".##.."], Stencil.Rows(sample, 0)); // pixels whose centres lie in the box
        Assert.True(new RandomFlip(1).Apply(sample, new Given()));
        Assert.Equal(["..##.", "..##.", "..##."], Stencil.Rows(sample, 0));
    }

    [Fact]
    public void ABatchThatCannotBeSentIsRefused()
    {
        Sample sample = Begin(3000, 3000);
        for (int i = 0; i < 250; i++)
            sample.AddObject(0, 0, 9, 9, 0);
        Assert.Equal(
            "a batch of 1 images of 3000 x 3000 with the masks of up to 250 objects each does not fit into 2 GB; use smaller batches or images.",
            Assert.Throws<DataException>(() => Batch.Assemble([sample], [0], Pipeline.Plain, new BufferPool(1), withMasks: true)).Message);
    }

    private static string[] Apply(Transform[] transforms)
    {
        Sample sample = Begin(3, 5);
        sample.AddObject(0, 0, 5, 3, 0, Flag);
        Assert.All(transforms, transform => Assert.True(transform.Apply(sample, new Given())));
        return Stencil.Rows(sample, 0);
    }

    private static Resize Exactly(int height, int width) => new([new Scale(width, height)], keepRatio: false);

    private static Sample Begin(int height, int width)
    {
        var sample = new Sample();
        sample.Image.CopyFrom(new ImageU8(height, width));
        sample.Begin(withMasks: true);
        return sample;
    }

    /// <summary>Whole numbers as given; of a probability of 1 any draw is below.</summary>
    private sealed class Given(params int[] numbers) : Draws
    {
        private int _next;

        public override double Unit() => 0;

        public override int Between(int low, int high)
        {
            Assert.InRange(numbers[_next], low, high);
            return numbers[_next++];
        }
    }
}
