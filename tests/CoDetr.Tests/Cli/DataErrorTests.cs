using CoDetr.Tests.Data;
using CoDetr.Tests.Training;

namespace CoDetr.Tests.Cli;

/// <summary>What is wrong with the data is one line and exit code 1, before anything is trained.</summary>
[Collection(Alone.Name)]
public sealed class DataErrorTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string data;

    public DataErrorTests() => data = DrawnData.Write(Path.Combine(folder.Path, "data"));

    [Fact]
    public void AMissingFolder() => Train(Path.Combine(folder.Path, "nowhere")).FailsWith(1, "nowhere", "does not exist");

    [Fact]
    public void AFolderWithoutAnnotations() => Train(Directory.CreateDirectory(folder["empty"]).FullName).FailsWith(1, "no annotations for 'train'", "instances_train.json");

    [Fact]
    public void AnnotationsThatAreNotJson()
    {
        File.WriteAllText(DrawnData.Annotations(data), "<xml/>");
        Train(data).FailsWith(1, "instances_train.json", "JSON");
    }

    [Fact]
    public void AnUnknownCategory()
    {
        DrawnData.Edit(data, "\"category_id\":3", "\"category_id\":99");
        Train(data).FailsWith(1, "instances_train.json", "category 99");
    }

    [Fact]
    public void ANaNInABox()
    {
        DrawnData.Edit(data, "\"bbox\":[", "\"bbox\":[NaN,");
        Train(data).FailsWith(1, "instances_train.json");
    }

    [Fact]
    public void NoUsableObjectAtAll()
    {
        File.WriteAllText(DrawnData.Annotations(data), System.Text.RegularExpressions.Regex.Replace(File.ReadAllText(DrawnData.Annotations(data)), "\"annotations\":\\[.*\\],\"cat", "\"annotations\":[],\"cat"));
        Train(data).FailsWith(1, "no usable object");
    }

    [Fact]
    public void NoPicture()
    {
        Directory.Delete(Path.GetDirectoryName(DrawnData.Image(data, 1))!, recursive: true);
        Train(data).FailsWith(1, "1.png", "instances_train.json");
    }

    [Fact]
    public void ABatchLargerThanTheDataSet() => Train(data, "--batch", "9").FailsWith(1, "a batch of 9 is larger than the data set of 8 images");

    [Fact]
    public void AnUpdateLargerThanTheDataSet() => Train(data, "--batch", "4", "--accumulate", "3").FailsWith(1, "an update of 3 batches of 4 is larger than the data set of 8 images");

    [Fact]
    public void OtherClassesForValidation()
    {
        string path = DrawnData.Annotations(data, "val");
        File.WriteAllText(path, File.ReadAllText(path).Replace("green", "blue", StringComparison.Ordinal));
        Train(data).FailsWith(1, "instances_val.json", "lists other classes");
    }

    [Fact]
    public void AnOutputFolderThatIsAFile()
    {
        string file = folder["file"];
        File.WriteAllText(file, "");
        CliRun.Of("train", "--data", data, "--model", "deformable-detr-tiny", "--batch", "2", "--out", Path.Combine(file, "run")).FailsWith(1, "cannot be written", "--out");
    }

    [Fact]
    public void AReadOnlyOutputFolder()
    {
        const string ReadOnly = "/proc/codetr"; // not even root may write there
        if (!Directory.Exists("/proc"))
        {
            Assert.Skip("this system has no /proc");
        }

        CliRun.Of("train", "--data", data, "--model", "deformable-detr-tiny", "--batch", "2", "--out", ReadOnly).FailsWith(1, ReadOnly, "cannot be written");
    }

    [Fact]
    public void ResumingWhatIsNotThere() => CliRun.Of("train", "--resume", folder.Path).FailsWith(1, folder.Path, "checkpoint.safetensors");

    [Fact]
    public void InspectShowsCountsAndEveryProblem()
    {
        File.WriteAllBytes(DrawnData.Image(data, 2), []);
        DrawnData.Edit(data, "\"image_id\":1", "\"image_id\":77");
        CliRun run = CliRun.Of("inspect", data);
        Assert.Equal(0, run.Code);
        Assert.All(["train: 8 pictures", "val: 3 pictures", "red", "green", "problem: ", "2.png", "1 annotation of images that are not listed", "2 problems were found."],
            part => Assert.Contains(part, run.Output, StringComparison.Ordinal));
    }

    public void Dispose() => folder.Dispose();

    private CliRun Train(string from, params string[] more) =>
        CliRun.Of(["train", "--data", from, "--model", "deformable-detr-tiny", .. more.Length > 0 ? more : ["--batch", "2"], "--out", folder["run"]]);
}
