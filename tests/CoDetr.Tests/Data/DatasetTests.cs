using System.Text.Json;
using CoDetr.Data;

namespace CoDetr.Tests.Data;

public sealed class DatasetTests
{
    private static readonly string Digits = Path.Combine(Repository.Root, "data", "digits-tiny");

    [Fact]
    public void FindsThePartsOfAFolder()
    {
        DatasetPart train = DatasetFolder.OpenTrain(Digits), validation = DatasetFolder.OpenValidation(Digits);
        Assert.Equal((1200, 300), (train.File.Images.Count, validation.File.Images.Count));
        Assert.Equal(Path.Combine(Digits, "images", "train"), train.ImageFolder);
        Assert.Equal(Path.Combine(Digits, "images", "val"), validation.ImageFolder);
    }

    [Theory]
    [InlineData("annotations/instances_val2017.json", "val2017/a.jpg")]
    [InlineData("annotations/val.json", "images/a.jpg")]
    [InlineData("valid/_annotations.coco.json", "valid/a.jpg")]
    [InlineData("val.json", "a.jpg")]
    [InlineData("annotations/instances_val.json", "annotations/a.jpg")]
    public void KnowsTheUsualLayouts(string annotations, string image)
    {
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(Repository.Root, "tests", "data", "quirks", "ok_plain.json"), folder[annotations]);
        File.Copy(Path.Combine(Digits, "images", "val", "000001.jpg"), folder[image]);
        DatasetPart part = DatasetFolder.OpenValidation(folder.Path);
        Assert.Equal(Path.GetDirectoryName(folder[image]), part.ImageFolder);
    }

    [Fact]
    public void SaysWhatItLookedFor()
    {
        using var folder = new TemporaryFolder();
        Assert.EndsWith(": this folder does not exist.", Message(folder.Path + "/none"));
        Assert.Contains("no annotations for 'train' found; looked for annotations/instances_train.json, annotations/train.json", Message(folder.Path));
        File.Copy(Path.Combine(Repository.Root, "tests", "data", "quirks", "ok_plain.json"), folder["train.json"]);
        Assert.Contains("its images (the first is a.jpg) are in none of " + folder.Path, Message(folder.Path));

        static string Message(string path) => Assert.Throws<DataException>(() => DatasetFolder.OpenTrain(path)).Message;
    }

    [Fact]
    public void ReportsAWholeDataSet()
    {
        DatasetReport report = DatasetReport.Inspect(Digits, workers: 2);
        Assert.True(report.IsClean);
        Assert.Equal(["train", "val"], report.Parts.Select(p => p.Name));
        PartReport validation = report.Parts[1];
        Assert.Equal((300, 741, 741, 0), (validation.Images, validation.Annotations, validation.Usable, validation.Crowds));
        Assert.Equal(["zero", "four", "seven"], validation.Classes.Select(c => c.Name));
        Assert.Equal(741, validation.Classes.Sum(c => c.Boxes));
        Assert.Equal((0, 96.0), (validation.BoxesPerImage.Least, validation.ImageWidths.Most));
    }

    [Fact]
    public void ReportsEveryProblem()
    {
        using var folder = new TemporaryFolder();
        string source = Path.Combine(Digits, "images", "val");
        string[] names = ["000001.jpg", "000002.jpg", "000003.jpg", "000004.jpg"];
        foreach (string name in names)
            File.Copy(Path.Combine(source, name), folder["images/" + name]);
        File.WriteAllBytes(folder["images/000002.jpg"], File.ReadAllBytes(Path.Combine(source, "000002.jpg"))[..700]);
        File.Delete(folder["images/000003.jpg"]);
        int[] heights = [96, 86, 96, 50];
        File.WriteAllText(folder["train.json"], JsonSerializer.Serialize(new
        {
            images = names.Select((name, i) => new { id = i, file_name = name, width = 96, height = heights[i] }),
            categories = new[] { new { id = 1, name = "a" }, new { id = 2, name = "b" } },
            annotations = new[]
            {
                new { id = 1, image_id = 0, category_id = 1, bbox = new[] { 1, 1, 9, 9 } },
                new { id = 2, image_id = 0, category_id = 1, bbox = new[] { 1, 1, 0, 9 } },
            },
        }));
        File.WriteAllText(folder["val.json"], "{");

        DatasetReport report = DatasetReport.Inspect(folder.Path, workers: 2);
        string problems = string.Join('\n', report.Parts[0].Problems);
        Assert.Contains("1 box of no size", problems);
        Assert.Contains("000002.jpg: the image file is cut short", problems);
        Assert.Contains("000003.jpg: this image file does not exist", problems);
        Assert.Contains("000004.jpg: 96 x 96 pixels, annotated as 96 x 50", problems);
        Assert.Contains("1 of 2 classes have no usable box (the first: 'b')", problems);
        Assert.Equal(5, report.Parts[0].Problems.Count);
        Assert.Contains("not valid JSON", Assert.Single(report.Parts[1].Problems));
        Assert.False(report.IsClean);
    }

    [Fact]
    public void ReportsPartsThatDisagree()
    {
        using var folder = new TemporaryFolder();
        string quirks = Path.Combine(Repository.Root, "tests", "data", "quirks");
        File.Copy(Path.Combine(quirks, "ok_plain.json"), folder["train.json"]);
        File.Copy(Path.Combine(quirks, "ok_category_gap.json"), folder["val.json"]);
        Assert.Contains("lists other classes", Assert.Single(DatasetReport.Inspect(folder.Path, workers: 1).Problems));
    }
}
