using CoDetr.Data;

namespace CoDetr.Tests.Data;

public sealed class LoaderTests
{
    private static readonly string Digits = Path.Combine(Repository.Root, "data", "digits-tiny");
    private static readonly CocoFile Train = CocoFile.Read(Path.Combine(Digits, "annotations", "instances_train.json"));
    private static readonly CocoFile Validation = CocoFile.Read(Path.Combine(Digits, "annotations", "instances_val.json"));
    private static readonly Pipeline Augmented = Pipeline.Detr([60, 72, 84], 120, [50, 60, 70], 40, 60);

    [Fact]
    public void WorkersDoNotMatter()
    {
        List<ulong> one = Hashes(New(workers: 1), epoch: 3);
        Assert.Equal(one, Hashes(New(workers: 3), epoch: 3));
        Assert.Equal(one, Hashes(New(workers: 7), epoch: 3));
        Assert.NotEqual(one, Hashes(New(workers: 1), epoch: 4));
        Assert.NotEqual(one, Hashes(New(workers: 1, seed: 2), epoch: 3));
    }

    [Fact]
    public void ResumesInTheMiddleOfAnEpoch()
    {
        List<ulong> whole = Hashes(New(workers: 2), epoch: 1);
        Assert.Equal(whole[100..], Hashes(New(workers: 2), epoch: 1, firstStep: 100));
        using Batch alone = New(workers: 1).Load(1, 120);
        Assert.Equal(whole[120], HashOf(alone));
    }

    [Fact]
    public void AnEpochShowsEveryImageOnceAndDropsTheRest()
    {
        var loader = new Loader(Train, Images("train"), new LoaderOptions { BatchSize = 7, Training = true });
        Assert.Equal(171, loader.StepsPerEpoch);
        int[] seen = [.. loader.Epoch(0).SelectMany(Use)];
        Assert.Equal(171 * 7, seen.Length);
        Assert.Equal(seen.Length, seen.Distinct().Count());
        Assert.NotEqual(seen.Order(), seen);

        static int[] Use(Batch batch)
        {
            batch.Dispose();
            return batch.ImageIndices;
        }
    }

    [Fact]
    public void ValidationKeepsFileOrderAndTheLastBatch()
    {
        var loader = new Loader(Validation, Images("val"), new LoaderOptions { BatchSize = 8 });
        Assert.Equal(38, loader.StepsPerEpoch);
        List<int> seen = [];
        foreach (Batch batch in loader.Epoch(0))
            using (batch)
                seen.AddRange(batch.ImageIndices);
        Assert.Equal(Enumerable.Range(0, 300), seen);
    }

    [Fact]
    public void PadsWithZerosAtTheRightAndBottom()
    {
        using Batch batch = new Loader(Train, Images("train"), new LoaderOptions { BatchSize = 8, Training = true }).Load(0, 0);
        Assert.Equal((batch.Heights.Max(), batch.Widths.Max(), batch.ObjectCounts.Max()), (batch.Height, batch.Width, batch.MaxObjects));
        for (int n = 0; n < batch.Count; n++)
        {
            CocoImage image = Train.Images[batch.ImageIndices[n]];
            Assert.Equal((image.Height, image.Width), (batch.Heights[n], batch.Widths[n]));
            ImageU8 pixels = ImageReader.Read(Path.Combine(Images("train"), image.FileName));
            for (int y = 0; y < batch.Height; y++)
                for (int x = 0; x < batch.Width; x++)
                {
                    bool inside = y < image.Height && x < image.Width;
                    float expected = inside ? (pixels.Row(y)[3 * x] - 123.675f) / 58.395f : 0;
                    Assert.Equal(expected, batch.Images[((n * batch.Height + y) * batch.Width + x) * 3]);
                }
            Assert.Equal(image.Annotations.Count(a => a.IsUsable), batch.ObjectCounts[n]);
            for (int i = batch.ObjectCounts[n]; i < batch.MaxObjects; i++)
                Assert.Equal(-1, batch.Labels[n * batch.MaxObjects + i]);
        }
    }

    [Fact]
    public void AnAbandonedEpochEndsItsThreads()
    {
        foreach (Batch batch in New(workers: 3).Epoch(0))
        {
            batch.Dispose();
            break; // must neither hang nor throw
        }
    }

    [Theory]
    [InlineData(0, 4, "0 workers cannot load images; use 1 or more.")]
    [InlineData(2, 2000, "a batch of 2000 is larger than the data set of 1200 images; use a batch of at most 1200.")]
    [InlineData(2, 0, "a batch of 0 images cannot be made; use 1 or more.")]
    public void RefusesSettingsThatDoNotFit(int workers, int batch, string message)
    {
        var options = new LoaderOptions { Workers = workers, BatchSize = batch, Training = true };
        Assert.EndsWith(message, Assert.Throws<DataException>(() => new Loader(Train, Images("train"), options)).Message);
    }

    [Fact]
    public void RefusesToTrainWithoutObjects()
    {
        CocoFile empty = CocoFile.Read(Path.Combine(Repository.Root, "tests", "data", "quirks", "ok_no_annotations.json"));
        Assert.Contains("no usable object", Assert.Throws<DataException>(() => new Loader(empty, ".", new LoaderOptions { Training = true })).Message);
    }

    private static Loader New(int workers, ulong seed = 1) =>
        new(Train, Images("train"), new LoaderOptions { BatchSize = 8, Workers = workers, Seed = seed, Training = true, Pipeline = Augmented });

    private static string Images(string part) => Path.Combine(Digits, "images", part);

    private static List<ulong> Hashes(Loader loader, int epoch, int firstStep = 0)
    {
        List<ulong> hashes = [];
        foreach (Batch batch in loader.Epoch(epoch, firstStep))
            using (batch)
                hashes.Add(HashOf(batch));
        return hashes;
    }

    private static ulong HashOf(Batch batch)
    {
        ulong hash = 17;
        foreach (float value in batch.Images.AsSpan(0, batch.ImageElements))
            hash = hash * 31 + BitConverter.SingleToUInt32Bits(value);
        foreach (float value in batch.Boxes)
            hash = hash * 31 + BitConverter.SingleToUInt32Bits(value);
        foreach (int value in batch.Labels)
            hash = hash * 31 + (uint)value;
        return hash;
    }
}
