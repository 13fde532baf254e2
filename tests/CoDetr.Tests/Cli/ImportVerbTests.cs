using System.Runtime.InteropServices;
using CoDetr.Cli;
using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Tests.Data;
using CoDetr.Tests.Files;
using CoDetr.Tests.Training;
using CoDetr.Training;

namespace CoDetr.Tests.Cli;

[Collection(Alone.Name)]
public sealed class ImportVerbTests : IDisposable
{
    private const string Tiny = "deformable-detr-tiny";

    private readonly TemporaryFolder folder = new();

    [Theory]
    [InlineData("zip")]
    [InlineData("legacy")]
    [InlineData("safetensors")]
    public void AnOfficialFileBecomesACheckpointOfTheSameNumbers(string form)
    {
        Dictionary<string, StoredTensor> weights = Weights(classes: 2);
        CliRun run = Import(Official(form, weights));
        Assert.Equal((ExitCode.Success, ""), (run.Code, run.Error));
        Says(run, $"loaded: {weights.Count} arrays", "missing: none", "unexpected: none", "written: ");
        using Checkpoint checkpoint = Checkpoint.Open(Out);
        Assert.Equal(form == "safetensors" ? ["class 1", "class 2"] : ["red", "green"], checkpoint.Info.Classes.Select(one => one.Name));
        using Detector model = checkpoint.LoadModel();
        foreach ((string name, Parameter parameter) in model.NamedParameters())
        {
            Assert.Equal(weights[name].ToFloats(), parameter.Export());
        }
    }

    [Fact]
    public void WhatIsImportedFindsObjects()
    {
        string data = DrawnData.Write(folder["data"]);
        Assert.Equal(ExitCode.Success, Import(Official("zip", Weights(classes: 2)), "--data", data).Code);
        CliRun run = CliRun.Of("evaluate", "--data", data, "--weights", Out); // the classes are the data set's, ids included
        Assert.Equal((ExitCode.Success, ""), (run.Code, run.Error));
    }

    [Fact]
    public void ClassHeadsOfAnotherNumberStartAfreshAndThatIsSaid()
    {
        Dictionary<string, StoredTensor> weights = Weights(classes: 5);
        CliRun run = Import(Official("zip", weights), "--data", DrawnData.Write(folder["data"]));
        Assert.Equal((ExitCode.Success, ""), (run.Code, run.Error));
        Says(run, "class heads that start afresh (another number of classes): 8 arrays", "missing: none");
        Says(run, "query_head.cls_branches.{0..3}.weight: [5, 64] in the file, [2, 64] in the model");
        using Checkpoint checkpoint = Checkpoint.Open(Out);
        using Detector model = checkpoint.LoadModel(), fresh = new(checkpoint.Info.Config);
        fresh.Initialize(0);
        foreach (((string name, Parameter parameter), (_, Parameter start)) in model.NamedParameters().Zip(fresh.NamedParameters()))
        {
            Assert.Equal(name.Contains("cls_branches", StringComparison.Ordinal) ? start.Export() : weights[name].ToFloats(), parameter.Export());
        }
    }

    [Fact]
    public void EveryArrayIsReportedWhateverBecomesOfIt()
    {
        Dictionary<string, StoredTensor> weights = Weights(classes: 2);
        weights["neck.convs.0.conv.weight"] = Half(weights["neck.convs.0.conv.weight"]);
        weights["bbox_head.0.atss_cls.bias"] = StoredTensor.From<float>("", [2], [1, 2]);
        weights["backbone.bn1.num_batches_tracked"] = StoredTensor.From<long>("", [], [7]);
        weights["ema_neck_convs_0_conv_weight"] = weights["neck.convs.0.conv.weight"];
        CliRun run = Import(Official("zip", weights));
        Assert.Equal((ExitCode.Success, ""), (run.Code, run.Error));
        Says(run, $"loaded: {weights.Count - 3} arrays", "converted, F16 to F32: 1 array", "neck.convs.0.conv.weight", "unexpected: 1 array");
        Says(run, "bbox_head.0.atss_cls.bias", "averages, classifiers): 2 arrays", "ema_neck_convs_0_conv_weight", "backbone.bn1.num_batches_tracked");
        Says(run, "left aside: meta, optimizer");
    }

    [Fact]
    public void AnotherModelIsRefusedUnlessPartsMayStartAfresh()
    {
        Dictionary<string, StoredTensor> weights = Weights(classes: 2);
        weights.Remove("query_head.query_embedding.weight");
        weights["backbone.conv1.weight"] = StoredTensor.From<float>("", [16, 3, 3, 3], new float[16 * 27]);
        string file = Official("zip", weights);
        CliRun run = Import(file);
        run.FailsWith(ExitCode.Error, "1 arrays are missing and 1 have another shape", "Nothing was written", "--partial");
        Says(run, "missing: 1 array", "query_head.query_embedding.weight", "backbone.conv1.weight: [16, 3, 3, 3] in the file, [16, 3, 7, 7] in the model");
        Assert.False(File.Exists(Out));
        Assert.Equal(ExitCode.Success, Import(file, "--partial").Code);
        using Checkpoint checkpoint = Checkpoint.Open(Out);
        checkpoint.LoadModel().Dispose();
        CliRun.Of("import", Official("zip", new() { ["a.weight"] = weights["neck.convs.0.conv.weight"] }), "--model", Tiny, "--out", Out, "--partial")
            .FailsWith(ExitCode.Error, "nothing in common", "it holds a.weight");
    }

    [Theory]
    [InlineData("missing", "does not exist")]
    [InlineData("folder", "is a folder")]
    [InlineData("text", "neither a zip archive nor a pickle")]
    [InlineData("truncated", "truncated")]
    [InlineData("hostile", "asks for os.system")]
    [InlineData("huge", "more than the file holds")]
    [InlineData("no arrays", "no arrays by name")]
    public void ABadFileIsOneLineAndNothingIsWritten(string kind, string expected)
    {
        string path = folder[$"{kind}.pth"];
        switch (kind)
        {
            case "folder":
                Directory.CreateDirectory(path);
                break;
            case "text":
                File.WriteAllText(path, "<html>404 not found</html>");
                break;
            case "truncated":
                File.WriteAllBytes(path, File.ReadAllBytes(Official("zip", Weights(2)))[..^1000]);
                break;
            case "hostile":
                TorchWriter.WriteZip(path, new Dictionary<string, object?> { ["state_dict"] = new Called("os", "system", $"touch {folder["touched"]}") });
                break;
            case "huge":
                TorchWriter.WriteZip(path, new Dictionary<string, object?> { ["w"] = new ViewOf("FloatStorage", 4, 0, [1 << 30, 1 << 20], [0, 0]) });
                break;
            case "no arrays":
                TorchWriter.WriteZip(path, new Dictionary<string, object?> { ["epoch"] = 1 });
                break;
        }

        Import(path).FailsWith(ExitCode.Error, path, expected);
        Assert.False(File.Exists(Out) || File.Exists(folder["touched"]));
    }

    [Fact]
    public void WhatCannotBeWrittenOrWouldOverwriteItsSourceIsOneLine()
    {
        string file = Official("zip", Weights(2));
        CliRun.Of("import", file, "--model", Tiny, "--out", file).FailsWith(ExitCode.Error, "would overwrite what is read");
        CliRun.Of("import", file, "--model", Tiny, "--out", Path.Combine(folder["none"], "a", "b.safetensors")).FailsWith(ExitCode.Error, "cannot be written");
        CliRun.Of("import", file, "--config", folder["none.json"], "--out", Out).FailsWith(ExitCode.Error, "none.json");
        CliRun.Of("import", file, "--out", Out).FailsWith(ExitCode.Usage, "--model NAME or --config FILE.json");
        CliRun.Of("import", "--model", Tiny, "--out", Out).FailsWith(ExitCode.Usage, "FILE is missing");
        CliRun.Of("import", file, "--model", "deformable-detr-tini", "--out", Out).FailsWith(ExitCode.Usage, $"did you mean {Tiny}?");
    }

    [Fact]
    public void ABackboneIsTakenAloneAndIsThenFrozenAsPublished()
    {
        string file = folder["resnet.pth"], data = DrawnData.Write(folder["data"]);
        Dictionary<string, StoredTensor> weights = Weights(2).Where(pair => pair.Key.StartsWith("backbone.", StringComparison.Ordinal))
            .ToDictionary(pair => pair.Key["backbone.".Length..], pair => pair.Value);
        weights["fc.weight"] = StoredTensor.From<float>("", [10, 128], new float[1280]);
        TorchWriter.WriteLegacy(file, weights);
        CliRun run = CliRun.Of("import", "--backbone", file, "--model", Tiny, "--data", data, "--out", Out);
        Assert.Equal((ExitCode.Success, ""), (run.Code, run.Error));
        Says(run, $"loaded: {weights.Count - 1} arrays", "fc.weight");
        using (Checkpoint checkpoint = Checkpoint.Open(Out))
        {
            Assert.False(((ResNetConfig)checkpoint.Info.Config.Backbone).HasTrainedNorms);
            using Detector model = checkpoint.LoadModel();
            Assert.Equal(weights["layer1.0.conv1.weight"].ToFloats(), NumbersOf(model, "backbone.layer1.0.conv1.weight"));
        }

        string[] train = ["train", "--data", data, "--model", Tiny, "--backbone", file];
        CliRun trained = CliRun.Of([.. train, "--batch", "4", "--epochs", "1", "--out", folder["run"]]);
        Assert.True(trained.Code == ExitCode.Success, trained.Error);
        Assert.Contains($"the backbone starts from {file}: {weights.Count - 1} arrays", trained.Error, StringComparison.Ordinal);
        using Checkpoint result = Checkpoint.Open(new RunFolder(folder["run"]).Checkpoint);
        Assert.Equal((file, 0.1), (result.Info.Recipe.Backbone, ParameterRule.For(result.Info.Recipe.Rules, "backbone.conv1.weight").LearningRate));
        using Detector frozen = result.LoadModel();
        Assert.Equal(weights["conv1.weight"].ToFloats(), NumbersOf(frozen, "backbone.conv1.weight"));
        weights.Remove("layer1.0.conv1.weight");
        TorchWriter.WriteZip(file, weights);
        CliRun.Of([.. train, "--out", folder["other"]]).FailsWith(ExitCode.Error, "another backbone", "backbone.layer1.0.conv1.weight");
    }

    [Fact]
    public void InspectShowsWhatAWeightsFileHolds()
    {
        CliRun run = CliRun.Of("inspect", Official("zip", Weights(2)));
        Assert.Equal((ExitCode.Success, ""), (run.Code, run.Error));
        Says(run, "PyTorch, zip archive", "in state_dict", "left aside: meta, optimizer", "red, green", "backbone.conv1.weight", "F32[16, 3, 7, 7]");
        CliRun.Of("inspect", folder["none"]).FailsWith(ExitCode.Error, "none");
    }

    public void Dispose() => folder.Dispose();

    private string Out => folder["out.safetensors"];

    private CliRun Import(string file, params string[] more) => CliRun.Of(["import", file, "--model", Tiny, "--out", Out, .. more]);

    private static void Says(CliRun run, params string[] parts) => Assert.All(parts, part => Assert.Contains(part, run.Output, StringComparison.Ordinal));

    /// <summary>Numbers of a model of their own, by the official names and in PyTorch's layout.</summary>
    private static Dictionary<string, StoredTensor> Weights(int classes)
    {
        using Detector model = new(ModelZoo.Config(Tiny, classes));
        model.Initialize(classes);
        return model.NamedParameters().ToDictionary(
            pair => pair.Name, pair => StoredTensor.From<float>(pair.Name, pair.Parameter.CheckpointShape, pair.Parameter.Export()));
    }

    private static float[] NumbersOf(Detector model, string name) => model.NamedParameters().First(pair => pair.Name == name).Parameter.Export();

    private static StoredTensor Half(StoredTensor tensor) =>
        tensor with { DType = DType.F16, Bytes = MemoryMarshal.AsBytes(ShortFloats.From(tensor.ToFloats(), DType.F16).AsSpan()).ToArray() };

    private string Official(string form, Dictionary<string, StoredTensor> weights)
    {
        string? head = weights.Keys.FirstOrDefault(name => name.Contains("cls_branches", StringComparison.Ordinal));
        int classes = head is null ? 0 : weights[head].Shape[0];
        string path = folder[$"official.{(form == "safetensors" ? form : "pth")}"];
        Dictionary<string, object?> root = new()
        {
            ["meta"] = new Dictionary<string, object?> { ["CLASSES"] = new object?[] { "red", "green", "blue", "black", "white" }[..Math.Max(2, classes)] },
            ["state_dict"] = weights,
            ["optimizer"] = new Dictionary<string, object?>(),
        };
        switch (form)
        {
            case "zip":
                TorchWriter.WriteZip(path, root);
                break;
            case "legacy":
                TorchWriter.WriteLegacy(path, root);
                break;
            default:
                SafeTensors.Write(path, [.. weights.Select(pair => pair.Value with { Name = pair.Key })]);
                break;
        }

        return path;
    }
}
