using System.Text.Json;
using CoDetr.Data;

namespace CoDetr.Tests.Data;

/// <summary>A data set with broken pictures: training goes on without them, up to a limit; evaluation does not.</summary>
public sealed class BrokenImagesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly CocoFile _file;

    public BrokenImagesTests()
    {
        string digits = Path.Combine(Repository.Root, "data", "digits-tiny");
        for (int i = 1; i <= 20; i++)
            File.Copy(Path.Combine(digits, "images", "train", $"{i:D6}.jpg"), _folder[$"{i:D6}.jpg"]);
        File.WriteAllBytes(_folder["000003.jpg"], []);
        File.Delete(_folder["000005.jpg"]);
        File.WriteAllText(_folder["000007.jpg"], "<html>not found</html>");
        CocoFile all = CocoFile.Read(Path.Combine(digits, "annotations", "instances_train.json"));
        CocoImage[] some = [.. all.Images.Take(20)];
        File.WriteAllText(_folder["train.json"], JsonSerializer.Serialize(new
        {
            images = some.Select(i => new { id = i.Id, file_name = i.FileName, width = i.Width, height = i.Height }),
            categories = new[] { new { id = 1, name = "digit" } },
            annotations = some.SelectMany(i => i.Annotations).Select(a => new { id = a.Id, image_id = a.ImageId, category_id = 1, bbox = new[] { a.X, a.Y, a.Width, a.Height } }),
        }));
        _file = CocoFile.Read(_folder["train.json"]);
    }

    public void Dispose() => _folder.Dispose();

    [Theory, InlineData(1), InlineData(4)]
    public void TrainingTakesOthersAndNamesThem(int workers)
    {
        Loader loader = New(workers, limit: 5);
        List<int> shown = [];
        foreach (Batch batch in loader.Epoch(0))
            using (batch)
                shown.AddRange(batch.ImageIndices);
        Assert.Equal(20, shown.Count);
        Assert.Empty(shown.Intersect([2, 4, 6]));
        Assert.Equal(3, loader.BrokenImages.Count);
        Assert.Contains("000003.jpg: the image file is empty", loader.BrokenImages[0]);
        Assert.Contains("000005.jpg: this image file does not exist", loader.BrokenImages[1]);
        Assert.Contains("000007.jpg: is no image of a known format", loader.BrokenImages[2]);
        DataWarning warning = Assert.Single(loader.Warnings);
        Assert.Equal((DataWarningKind.BrokenImage, 3), (warning.Kind, warning.Count));
    }

    [Fact]
    public void TheSameOthersForAnyNumberOfWorkers()
    {
        List<int> one = Shown(New(1, 5)), four = Shown(New(4, 5));
        Assert.Equal(one, four);

        static List<int> Shown(Loader loader) => [.. loader.Epoch(2).SelectMany(b => b.ImageIndices)];
    }

    [Fact]
    public void BeyondTheLimitTrainingEnds()
    {
        DataException e = Assert.Throws<DataException>(() => New(2, limit: 2).Epoch(0).ToList());
        Assert.Contains("more than 2 images are missing or broken; the last one: ", e.Message);
    }

    [Fact]
    public void EvaluationNamesTheFirst()
    {
        var loader = new Loader(_file, _folder.Path, new LoaderOptions { BatchSize = 4, Workers = 3 });
        DataException e = Assert.Throws<DataException>(() => loader.Epoch(0).ToList());
        Assert.Contains("000003.jpg: the image file is empty", e.Message);
    }

    [Fact]
    public void AnotherSizeIsSaidOnceForEachImage()
    {
        File.Copy(_folder["000001.jpg"], _folder["000003.jpg"], overwrite: true);
        File.Copy(_folder["000001.jpg"], _folder["000005.jpg"]);
        File.Copy(_folder["000001.jpg"], _folder["000007.jpg"], overwrite: true);
        Loader loader = New(3, limit: 0);
        for (int epoch = 0; epoch < 3; epoch++)
            foreach (Batch batch in loader.Epoch(epoch))
                batch.Dispose();
        DataWarning warning = Assert.Single(loader.Warnings);
        Assert.Equal((DataWarningKind.SizeDiffers, 3), (warning.Kind, warning.Count));
        Assert.Contains(": 67 x 96, annotated as ", warning.Message);
    }

    [Fact]
    public void SmallImagesAreLeftOut()
    {
        var loader = new Loader(_file, _folder.Path, new LoaderOptions { Training = true, SmallestSide = 70 });
        int small = _file.Images.Count(i => Math.Min(i.Width, i.Height) < 70);
        Assert.Equal(20 - small, loader.ImageCount);
        Assert.Equal((DataWarningKind.SmallImage, small), (loader.Warnings[0].Kind, loader.Warnings[0].Count));
    }

    private Loader New(int workers, int limit) =>
        new(_file, _folder.Path, new LoaderOptions { BatchSize = 4, Workers = workers, Training = true, BrokenLimit = limit, Seed = 3 });
}
