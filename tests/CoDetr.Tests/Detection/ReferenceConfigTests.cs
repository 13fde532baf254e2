using System.Text.Json.Nodes;
using CoDetr.Detection;
using CoDetr.Tests.Data;

namespace CoDetr.Tests.Detection;

/// <summary>Configurations of the reference: what is read, and what is refused by name.</summary>
public sealed class ReferenceConfigTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void TheOfficialConfigurationIsOurDefault()
    {
        DetectorConfig read = ReferenceConfig.ReadFile(Write(Official())), ours = ModelZoo.Config("co-deformable-detr-r50", 80);
        Assert.Equal(ours with { Backbone = read.Backbone, Auxiliary = read.Auxiliary, Proposals = read.Proposals }, read);
        Assert.Equal(ours.Proposals, read.Proposals);
        Assert.Equal(ours.OrderedAuxiliary, read.OrderedAuxiliary);
    }

    [Fact]
    public void TheSmallModelIsTheOneOfTheReferencesCurves()
    {
        DetectorConfig read = ReferenceConfig.ReadFile(Path.Combine(Repository.Root, "tests", "golden", "co_deformable_digits_tiny.json"));
        DetectorConfig ours = ModelZoo.Config("co-deformable-detr-tiny", 3);
        (ResNetConfig backbone, ResNetConfig theirs) = ((ResNetConfig)ours.Backbone, (ResNetConfig)read.Backbone);
        Assert.Equal(backbone.OutStages, theirs.OutStages);
        Assert.Equal(backbone with { OutStages = theirs.OutStages }, theirs);
        Assert.Equal(ours with { Backbone = theirs, Auxiliary = read.Auxiliary }, read);
        Assert.Equal(ours.OrderedAuxiliary, read.OrderedAuxiliary);
    }

    [Theory]
    [InlineData("model.query_head has the key num_querys, which is not known.", "query_head", "num_querys", "3")]
    [InlineData("model.backbone has type VGG; built: ResNet, SwinTransformerV1, ViT.", "backbone", "type", "\"VGG\"")]
    [InlineData("model.query_head with_box_refine = false is not built; built: true.", "query_head", "with_box_refine", "false")]
    [InlineData("model.query_head has num_query = \"many\", which is no Int32.", "query_head", "num_query", "\"many\"")]
    public void WhatIsNotKnownIsNamed(string message, string part, string key, string value)
    {
        JsonNode model = Official();
        model[part]![key] = JsonNode.Parse(value);
        string path = Write(model);
        Assert.Equal($"{path}: configuration: {message}", Assert.Throws<ConfigException>(() => ReferenceConfig.ReadFile(path)).Message);
    }

    [Fact]
    public void AFileThatIsNoJsonIsNamed()
    {
        string path = Path.Combine(folder.Path, "config.py");
        File.WriteAllText(path, "model = dict(type='CoDETR')");
        Assert.StartsWith($"{path}: not read as a model configuration in JSON", Assert.Throws<ConfigException>(() => ReferenceConfig.ReadFile(path)).Message, StringComparison.Ordinal);
        Assert.Contains("missing.json", Assert.Throws<ConfigException>(() => ReferenceConfig.ReadFile(Path.Combine(folder.Path, "missing.json"))).Message, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private static JsonNode Official() => JsonNode.Parse(
        File.ReadAllText(Path.Combine(Repository.Root, "tests", "data", "param_names", "co_deformable_detr_r50_1x_coco.json")))!["model_config"]!;

    private string Write(JsonNode model)
    {
        string path = Path.Combine(folder.Path, "config.json");
        File.WriteAllText(path, model.ToJsonString());
        return path;
    }
}
