using System.Text.Json;
using CoDetr.Cli;
using CoDetr.Data;
using CoDetr.Tensors;
using CoDetr.Tests.Training;
using CoDetr.Training;

namespace CoDetr.Tests.Cli;

[Collection(Alone.Name)]
public sealed class DetectVerbTests(TrainedRun trained) : IClassFixture<TrainedRun>
{
    private static string Broken(string name) => Path.Combine(Repository.Root, "tests", "data", "robustness", name);

    [Fact]
    public void DrawsAndWritesWhatItFinds()
    {
        string image = DrawnData.Image(trained.Data, 1), folder = trained["found"];
        CliRun run = CliRun.Of("detect", image, DrawnData.Image(trained.Data, 1, "val"), "--weights", trained.Weights, "--out", folder, "--threshold", "0", "--top-k", "5");
        Assert.Equal((ExitCode.Success, ""), (run.Code, run.Error));
        ImageU8 drawn = ImageReader.Read(Path.Combine(folder, "1.png"));
        Assert.True(drawn.Width >= 400, "small pictures are enlarged, so that labels can be read");
        Assert.True(File.Exists(Path.Combine(folder, "1-2.png")), "two pictures of the same name");
        JsonElement[] found = [.. JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "detections.json"))).RootElement.EnumerateArray()];
        Assert.Equal(10, found.Length);
        Assert.All(found, one => Assert.Equal(4, one.GetProperty("bbox").GetArrayLength()));
        Assert.All(found, one => Assert.Contains(one.GetProperty("category_name").GetString(), new[] { "red", "green" }));
        Assert.All(found, one => Assert.InRange(one.GetProperty("category_id").GetInt32(), 3, 4));
        Assert.Equal(image, found[0].GetProperty("file_name").GetString());
    }

    [Theory]
    [InlineData("bad_scan_cut.jpg")]
    [InlineData("bad_empty.jpg")]
    [InlineData("bad_bomb.png")]
    [InlineData("bad_bomb.jpg")]
    [InlineData("bad_text.jpg")]
    [InlineData("nothing.jpg")]
    public void ABrokenPictureIsOneLineAndTheOthersAreLookedAt(string name)
    {
        CliRun run = CliRun.Of("detect", Broken(name), DrawnData.Image(trained.Data, 1), "--weights", trained.Weights, "--out", trained["partly"]);
        run.FailsWith(ExitCode.Error, name);
        Assert.Contains("1.png: ", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void ABadWeightsFileIsOneLine()
    {
        string cut = trained["cut.safetensors"];
        File.WriteAllBytes(cut, File.ReadAllBytes(trained.Weights)[..^1000]);
        CliRun.Of("detect", DrawnData.Image(trained.Data, 1), "--weights", cut).FailsWith(1, "cut.safetensors", "truncated");
        CliRun.Of("detect", DrawnData.Image(trained.Data, 1), "--weights", trained["none.safetensors"]).FailsWith(1, "none.safetensors", "does not exist");
    }

    [Fact]
    public void WeightsOfAnotherModelAreReported()
    {
        string path = trained["other.safetensors"];
        using (SafeTensors file = SafeTensors.Open(trained.Weights))
        {
            string wide = file.Metadata["codetr"].Replace("\"Width\":64", "\"Width\":128", StringComparison.Ordinal);
            SafeTensors.Write(path, [.. file.Names.Select(file.Read)], new Dictionary<string, string> { ["codetr"] = wide });
        }

        CliRun.Of("detect", DrawnData.Image(trained.Data, 1), "--weights", path)
            .FailsWith(1, "checkpoint of another model", "of another shape (neck.", "none missing");
    }

    [Fact]
    public void ResultsOfOneImageDoNotDependOnTheOthers()
    {
        using Checkpoint checkpoint = Checkpoint.Open(trained.Weights);
        using CoDetr.Detection.Detector model = checkpoint.LoadModel();
        Evaluator evaluator = new(model, checkpoint.Info.Recipe.Augmentation);
        ImageU8[] images = [.. Enumerable.Range(1, 3).Select(i => ImageReader.Read(DrawnData.Image(trained.Data, i)))];
        ScoredBox[] alone = evaluator.Detect([images[1]])[0], together = evaluator.Detect(images)[1];
        Assert.Equal(alone, together.Select(box => box with { Image = 0 }));
    }
}
