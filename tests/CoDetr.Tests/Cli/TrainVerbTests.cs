using System.Text.Json;
using System.Text.RegularExpressions;
using CoDetr.Cli;
using CoDetr.Data;
using CoDetr.Tests.Data;
using CoDetr.Tests.Training;

namespace CoDetr.Tests.Cli;

[Collection(Alone.Name)]
public sealed class TrainVerbTests(TrainedRun trained) : IClassFixture<TrainedRun>
{
    [Fact]
    public void SaysHowItGoesAndWhereTheResultIs()
    {
        Assert.Equal((ExitCode.Success, ""), (trained.Result.Code, trained.Result.Error));
        Assert.All(["8 pictures", "2 epochs of 2 steps", "images/s", "left", "epoch 1: AP", "epoch 2: AP", "Done: 4 steps", "index.html", "codetr detect"],
            part => Assert.Contains(part, trained.Result.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void WritesEverythingThatARunHas()
    {
        Assert.All(["checkpoint.safetensors", "best.safetensors", "log.jsonl", "run.json", "loss.png", "loss.svg", "ap.png", "ap.svg", "validation.jpg", "index.html"],
            name => Assert.True(new FileInfo(trained.Run[name]).Length > 0, name));
        JsonElement[] lines = [.. File.ReadLines(trained.Run.Log).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(6, lines.Length);
        Assert.All(["step", "epoch", "loss", "losses", "grad_norm", "lr", "images", "objects", "seconds", "data_seconds", "peak_mib"],
            name => Assert.True(lines[0].TryGetProperty(name, out _), name));
        Assert.True(lines[0].GetProperty("losses").TryGetProperty("d0.loss_bbox", out _));
        Assert.Equal(12, lines[^1].GetProperty("evaluation").EnumerateObject().Count());
    }

    [Fact]
    public void ThePageNeedsNothingElse()
    {
        string page = File.ReadAllText(trained.Run.Page);
        Assert.DoesNotMatch(new Regex("(src|srcset|href)=\"(?!data:)"), page);
        Assert.DoesNotContain("http", Regex.Replace(page, "base64,[^\"]*", ""), StringComparison.Ordinal);
        Assert.Contains("prefers-color-scheme: dark", page, StringComparison.Ordinal);
        Assert.All(["red", "green", "AP50", "d0.loss_bbox"], part => Assert.Contains(part, page, StringComparison.Ordinal));
    }

    [Fact]
    public void ARunIsNotOverwrittenByAccident() =>
        CliRun.Of("train", "--data", trained.Data, "--model", "deformable-detr-tiny", "--out", trained.Run.Root).FailsWith(1, "already holds a run", "--resume");

    [Theory]
    [InlineData("bf16")]
    [InlineData("f16")]
    public void TheCpuStoresF32Only(string precision)
    {
        string weights = trained.Run.Best, picture = DrawnData.Image(trained.Data, 1);
        foreach (string[] args in new string[][]
        {
            ["train", "--data", trained.Data, "--model", "deformable-detr-tiny", "--out", trained["short"]],
            ["evaluate", "--data", trained.Data, "--weights", weights],
            ["detect", picture, "--weights", weights, "--out", trained["short"]],
        })
        {
            CliRun.Of([.. args, "--device", "cpu", "--precision", precision]).FailsWith(1, $"--precision {precision}: cpu", "stores f32 only", "--precision f32");
        }
    }

    [Fact]
    public void OtherDataCannotBeResumed()
    {
        string other = DrawnData.Write(trained["other"], images: 9);
        CliRun.Of("train", "--resume", trained.Run.Root, "--data", other).FailsWith(1, "began with 8 images", "9", "same data");
    }

    [Fact]
    public void OddDataIsCountedAndTheRunGoesOn()
    {
        using TemporaryFolder folder = new();
        string data = DrawnData.Write(Path.Combine(folder.Path, "data"));
        DrawnData.Edit(data, "\"image_id\":1", "\"image_id\":77");
        DrawnData.Edit(data, "\"bbox\":[", "\"bbox\":[500,");
        File.WriteAllText(DrawnData.Annotations(data), Regex.Replace(File.ReadAllText(DrawnData.Annotations(data)), @"\[500,(\d+),(\d+),(\d+),(\d+)\]", "[500,$2,$3,$4]"));
        DrawnData.Edit(data, "\"annotations\":[", "\"annotations\":[{\"id\":900,\"image_id\":2,\"category_id\":3,\"bbox\":[1,1,0,0]}," + Crowded(image: 3, count: 61));
        File.WriteAllBytes(DrawnData.Image(data, 5), [1, 2, 3]);
        CliRun run = CliRun.Of("train", "--data", data, "--model", "deformable-detr-tiny", "--batch", "4", "--epochs", "1", "--out", folder["run"]);
        Assert.Equal(ExitCode.Success, run.Code);
        Assert.All(
            [
                "warning: train: 1 annotation of images that are not listed", "1 box of no size", "1 image with more objects than the model's 60 queries",
                "1 image missing or broken", "warning: skipped: ", "5.png",
            ],
            part => Assert.Contains(part, run.Error, StringComparison.Ordinal));
    }

    [Fact]
    public void ANaNNamesStepImagesAndOpAndKeepsTheBatch()
    {
        using TemporaryFolder folder = new();
        CliRun run = CliRun.Of("train", "--data", trained.Data, "--model", "deformable-detr-tiny", "--batch", "4", "--lr", "1e30", "--out", folder["run"]);
        run.FailsWith(1, "step 2 (images ", ".png", "not finite: first in forward of ", "--repeat");
        string kept = folder["run/failed-step-2.safetensors"];
        Assert.Contains(kept, run.Error, StringComparison.Ordinal);
        CliRun repeated = CliRun.Of("train", "--repeat", kept);
        Assert.Equal(ExitCode.Success, repeated.Code);
        Assert.Contains("first in forward of ", repeated.Output, StringComparison.Ordinal);
        CliRun.Of("train", "--repeat", trained.Weights).FailsWith(1, "holds no batch");
    }

    [Fact]
    public void AFullDiskIsOneLine()
    {
        if (!File.Exists("/dev/full"))
        {
            Assert.Skip("this system has no /dev/full");
        }

        using TemporaryFolder folder = new();
        File.CreateSymbolicLink(folder["run/checkpoint.safetensors.tmp"], "/dev/full");
        CliRun.Of("train", "--data", trained.Data, "--model", "deformable-detr-tiny", "--batch", "4", "--out", Path.Combine(folder.Path, "run"))
            .FailsWith(1, "checkpoint.safetensors: cannot be written (No space left on device", "free space");
    }

    [Fact]
    public void EvaluationGivesTheFiguresOfTheRun()
    {
        CliRun run = CliRun.Of("evaluate", "--weights", trained.Weights, "--data", trained.Data, "--results", trained["results.json"]);
        Assert.Equal(ExitCode.Success, run.Code);
        Assert.All(["AP50", "red", "green", "all", "AR100", "3 pictures"], part => Assert.Contains(part, run.Output, StringComparison.Ordinal));
        Assert.NotEmpty(CocoResults.Read(trained["results.json"], CocoFile.Read(DrawnData.Annotations(trained.Data, "val"))));
    }

    [Fact]
    public void EvaluationOnOtherClassesIsRefused()
    {
        string other = DrawnData.Write(trained["renamed"]);
        string path = DrawnData.Annotations(other, "val");
        File.WriteAllText(path, File.ReadAllText(path).Replace("green", "blue", StringComparison.Ordinal));
        CliRun.Of("evaluate", "--weights", trained.Weights, "--data", other).FailsWith(1, "lists other classes (2: red, blue)", "(2: red, green)");
    }

    private static string Crowded(int image, int count) => string.Concat(Enumerable.Range(0, count).Select(i =>
        $"{{\"id\":{1000 + i},\"image_id\":{image},\"category_id\":3,\"bbox\":[{i % 40},{i / 2},8,8]}},"));
}
