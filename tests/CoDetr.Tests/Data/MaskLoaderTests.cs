using System.Text.Json;
using CoDetr.Data;

namespace CoDetr.Tests.Data;

/// <summary>Segmentations of a file on their way into batches.</summary>
public sealed class MaskLoaderTests : IDisposable
{
    private static readonly double[] Concave = [0.5, 0.7, 8.2, 1.4, 4.1, 3.6, 9.3, 7.2, 1.2, 6.6];

    /// <summary>What the C code of the COCO API makes of <see cref="Concave"/>.</summary>
    private static readonly string[] ConcaveRows =
        ["..........", ".#######..", ".#####....", ".###......", ".#####....", ".######...", ".#######..", ".........."];

    private static readonly string[] Ring = ["..........", "..####....", "..#..#....", "..####....", "..........", "..........", "..........", ".........#"];

    private readonly TemporaryFolder _folder = new();
    private readonly List<object> _images = [];
    private readonly List<object> _annotations = [];

    [Fact]
    public void EveryFormOfASegmentationBecomesAMask()
    {
        AddImage(height: 8, width: 10);
        RunLengths ring = Stencil.Runs(Ring);
        AddObject(1, [1, 1, 8, 6], new[] { Concave });
        AddObject(1, [2, 1, 8, 7], new { size = new[] { 8, 10 }, counts = ring.Runs });
        AddObject(1, [2, 1, 8, 7], new { size = new[] { 8, 10 }, counts = ring.ToString() });
        AddObject(1, [0, 0, 3, 2], new[] { new[] { 0, 0, 1, 0, 1, 1, 0, 1 }, [2, 1, 3, 1, 3, 2, 2, 2] }); // united
        AddObject(1, [3, 4, 4, 3], Array.Empty<int[]>());
        AddObject(1, [3, 4, 4, 3], null);
        AddImage(height: 9, width: 6);
        AddObject(2, [2, 2, 4, 4], new[] { new[] { 2, 2, 6, 2, 6, 6, 2, 6 } });
        Loader loader = Open(new LoaderOptions { BatchSize = 2, Masks = true });
        using (Batch used = loader.Load(0, 0))
            Array.Fill(used.Images, float.NaN); // memory is used again
        using Batch batch = loader.Load(0, 0);

        Assert.Equal((9, 10, 6), (batch.Height, batch.Width, batch.MaxObjects));
        string empty = "..........", box = "...####...";
        Assert.Equal([.. ConcaveRows, empty], Stencil.Rows(batch, 0, 0));
        Assert.Equal([.. Ring, empty], Stencil.Rows(batch, 0, 1));
        Assert.Equal([.. Ring, empty], Stencil.Rows(batch, 0, 2));
        Assert.Equal(["#.........", "..#.......", .. Enumerable.Repeat(empty, 7)], Stencil.Rows(batch, 0, 3));
        Assert.Equal([empty, empty, empty, empty, box, box, box, empty, empty], Stencil.Rows(batch, 0, 4));
        Assert.Equal(Stencil.Rows(batch, 0, 4), Stencil.Rows(batch, 0, 5));
        Assert.Equal([empty, empty, .. Enumerable.Repeat("..####....", 4), empty, empty, empty], Stencil.Rows(batch, 1, 0));
        for (int i = 1; i < 6; i++)
            Assert.Equal(Enumerable.Repeat(empty, 9), Stencil.Rows(batch, 1, i));
    }

    /// <summary>Rectangles and their boxes are the same thing, whatever is cut away; each object shows by its size which it is.</summary>
    [Fact]
    public void MasksStayWithTheirBoxesWhenOthersAreDropped()
    {
        AddImage(height: 40, width: 40);
        for (int i = 0; i < 9; i++)
        {
            int x = 2 + i % 3 * 13, y = 1 + i / 3 * 13;
            AddObject(1, [x, y, 3 + i, 11 - i], new[] { new[] { x, y, x + 3 + i, y, x + 3 + i, y + 11 - i, x, y + 11 - i } });
        }
        int[][] everything = [[0, 0, 40, 0, 40, 40, 0, 40]]; // a crowd is no object
        _annotations.Insert(4, new { id = 99, image_id = 1, category_id = 1, bbox = new[] { 0, 0, 40, 40 }, iscrowd = 1, segmentation = everything });
        Pipeline cropped = new([new RandomFlip(), new RandomCrop(20, 30), new Pad(32, 32, 114)]);
        Loader loader = Open(new LoaderOptions { Masks = true, Training = true, Pipeline = cropped });
        var counts = new HashSet<int>();
        for (int epoch = 0; epoch < 40; epoch++)
        {
            using Batch batch = loader.Load(epoch, 0);
            counts.Add(batch.ObjectCounts[0]);
            for (int i = 0; i < batch.ObjectCounts[0]; i++)
            {
                byte[] mask = batch.Masks.Slice(i * 32 * 32, 32 * 32).ToArray();
                var (x, y, width, height) = RunLengths.FromMask(mask, 32, 32).Bounds();
                Assert.Equal([.. batch.Boxes[(4 * i)..(4 * i + 4)]], [(float)x, (float)y, (float)(x + width), (float)(y + height)]);
                Assert.Equal(width * height, mask.Sum(value => value));
            }
        }
        Assert.True(counts.Count > 2, "some crops must drop some objects");
    }

    [Fact]
    public void WorkersDoNotMatter()
    {
        for (int n = 1; n <= 12; n++)
        {
            AddImage(height: 40, width: 48);
            for (int i = 0; i < n % 4; i++)
                AddObject(n, [5 * i, 4, 20, 20], new[] { Concave.Select(c => 2 * c + 5 * i).ToArray() });
        }
        Pipeline augmented = Pipeline.Detr([30, 40, 50], 60, [40, 50], 20, 40);
        List<byte[]> one = All(workers: 1);
        Assert.True(one.Count == 6 && one.Any(masks => masks.Length > 0));
        Assert.Equal(one, All(workers: 3));

        List<byte[]> All(int workers)
        {
            List<byte[]> masks = [];
            Loader loader = Open(new LoaderOptions { BatchSize = 2, Workers = workers, Masks = true, Training = true, Pipeline = augmented });
            foreach (Batch batch in loader.Epoch(1))
                using (batch)
                    masks.Add(batch.Masks.ToArray());
            return masks;
        }
    }

    [Fact]
    public void WithoutMasksThereIsNothingOfThem()
    {
        AddImage(height: 200, width: 300);
        AddObject(1, [1, 1, 8, 6], new[] { Concave });
        DatasetPart part = Write();
        Assert.Null(part.File.Images[0].Annotations[0].Segmentation);
        Assert.NotNull(DatasetFolder.OpenTrain(_folder.Path, keepMasks: true).File.Images[0].Annotations[0].Segmentation);
        using Batch batch = new Loader(part.File, part.ImageFolder, new LoaderOptions()).Load(0, 0);
        Assert.Equal((false, 0, 0), (batch.HasMasks, batch.Masks.Length, batch.MaskElements));
        Assert.InRange(batch.Images.Length, batch.ImageElements, batch.ImageElements + (1 << 16));
        var asked = new LoaderOptions { Masks = true };
        Assert.Contains("without the masks", Assert.Throws<ArgumentException>(() => new Loader(part.File, part.ImageFolder, asked)).Message);
    }

    [Fact]
    public void PicturesWithoutObjectsHaveNoMasks()
    {
        AddImage(height: 8, width: 10);
        using Batch batch = Open(new LoaderOptions { Masks = true }).Load(0, 0);
        Assert.Equal((false, 0), (batch.HasMasks, batch.Masks.Length));
    }

    [Theory]
    [InlineData("""{"size":[8,10],"counts":"5220003P"}""", "annotation 1: the run length string is cut short")]
    [InlineData("""{"size":[8,10],"counts":[80,1]}""", "annotation 1: the run lengths cover 81 pixels of 10 x 8")]
    [InlineData("[[1,1,1e12,1,1,7]]", "annotation 1: a corner lies at 1000000000000")]
    [InlineData("[[1,1,7,1,1]]", "(first: annotation 1)")]
    [InlineData("\"everything\"", "(first: annotation 1)")]
    public void ABrokenSegmentationIsOneLineAndItsBoxServes(string segmentation, string place)
    {
        AddImage(height: 8, width: 10);
        AddObject(1, [3, 4, 4, 3], JsonDocument.Parse(segmentation).RootElement);
        Loader loader = Open(new LoaderOptions { Masks = true });
        using Batch batch = loader.Load(0, 0);
        DataWarning warning = Assert.Single([.. DatasetFolder.OpenTrain(_folder.Path, keepMasks: true).File.Warnings, .. loader.Warnings]);
        Assert.StartsWith("1 segmentation that cannot be read: the box stands for the mask (first: ", warning.Message);
        Assert.Contains(place, warning.Message);
        Assert.DoesNotContain('\n', warning.Message);
        Assert.Equal("...####...", Stencil.Rows(batch, 0, 0)[4]);
    }

    [Fact]
    public void RunLengthsForAnotherSizeAreNotedOnce()
    {
        AddImage(height: 8, width: 10);
        AddObject(1, [3, 4, 4, 3], new { size = new[] { 10, 8 }, counts = new[] { 0, 80 } });
        Loader loader = Open(new LoaderOptions { Masks = true });
        loader.Load(0, 0).Dispose();
        using Batch batch = loader.Load(0, 0);
        Assert.Equal(12, batch.Masks.ToArray().Sum(value => value));
        DataWarning warning = Assert.Single(loader.Warnings);
        Assert.Equal((DataWarningKind.MaskSizeDiffers, 1), (warning.Kind, warning.Count));
        Assert.StartsWith("1 mask of another size than the image: the box stands for the mask (first: ", warning.Message);
        Assert.EndsWith("1.png: 10 x 8, annotation 1: 8 x 10)", warning.Message);
    }

    public void Dispose() => _folder.Dispose();

    private void AddImage(int height, int width)
    {
        int id = _images.Count + 1;
        ImageWriter.Write(_folder[$"images/train/{id}.png"], new ImageU8(height, width));
        _images.Add(new { id, file_name = $"{id}.png", height, width });
    }

    private void AddObject(int image, int[] box, object? segmentation) =>
        _annotations.Add(new { id = _annotations.Count + 1, image_id = image, category_id = 1, bbox = box, segmentation });

    private DatasetPart Write(bool keepMasks = false)
    {
        File.WriteAllText(_folder["annotations/instances_train.json"], JsonSerializer.Serialize(new
        {
            images = _images,
            annotations = _annotations,
            categories = new[] { new { id = 1, name = "thing" } },
        }));
        return DatasetFolder.OpenTrain(_folder.Path, keepMasks);
    }

    private Loader Open(LoaderOptions options)
    {
        DatasetPart part = Write(keepMasks: true);
        return new Loader(part.File, part.ImageFolder, options);
    }
}
