using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

public sealed class TransformerBackboneTests
{
    private static readonly SwinConfig Swin = new() { EmbedWidth = 8, Depths = [1, 2], Heads = [1, 2], Window = 3, OutStages = [0, 1], DropPath = 0.5f };

    private static readonly VisionTransformerConfig Vit = new()
    {
        Patch = 4,
        Width = 16,
        Depth = 3,
        Heads = 2,
        Hidden = 10,
        Window = 3,
        WindowBlocks = [0, 2],
        PretrainSize = 16,
        DropPath = 0.5f,
    };

    public static TheoryData<BackboneConfig> Configs => [Swin, Vit];

    /// <summary>Maps smaller than a window, sizes that no window or patch divides.</summary>
    [Theory, InlineData(4, 4), InlineData(20, 28), InlineData(33, 12)]
    public void TakesPicturesOfAnySize(int height, int width)
    {
        using StepScope scope = StepScope.Begin();
        using Backbone swin = Made(Swin), vit = Made(Vit);
        Tensor images = Images(1, height, width);
        Tensor[] stages = swin.Forward(images, null);
        Assert.Equal([1, (height + 3) / 4, (width + 3) / 4, 8], stages[0].Shape);
        Assert.Equal([1, (height + 7) / 8, (width + 7) / 8, 16], stages[1].Shape);
        Assert.Equal([1, height / 4, width / 4, 16], vit.Forward(images, null)[0].Shape);
        Assert.All(stages[1].ToArray(), value => Assert.True(float.IsFinite(value)));
    }

    [Theory, MemberData(nameof(Configs), DisableDiscoveryEnumeration = true)]
    public void ComputingBlocksAgainChangesNoBit(BackboneConfig config)
    {
        (float[] Output, float[][] Gradients) remembered = Step(config, recomputes: false), again = Step(config, recomputes: true);
        Assert.Equal(remembered.Output, again.Output);
        Assert.All(remembered.Gradients.Zip(again.Gradients), pair => Assert.Equal(pair.First, pair.Second));
    }

    /// <summary>In training a picture skips the branches whose numbers lie below their rate; detecting skips none.</summary>
    [Theory, MemberData(nameof(Configs), DisableDiscoveryEnumeration = true)]
    public void PicturesSkipBranches(BackboneConfig config)
    {
        using StepScope scope = StepScope.Begin();
        using Backbone network = Made(config), bare = Made(config);
        string last = config is SwinConfig ? "layers.1.blocks.1" : "blocks.2", middle = config is SwinConfig ? "layers.1.blocks.0" : "blocks.1";
        foreach ((string name, Parameter parameter) in bare.NamedParameters())
        {
            bool endsBranch = name.Contains(".attn.proj.", StringComparison.Ordinal) || name.Contains(".fc2.", StringComparison.Ordinal) || name.Contains(".w3.", StringComparison.Ordinal);
            if (endsBranch && (name.StartsWith(last, StringComparison.Ordinal) || name.StartsWith(middle, StringComparison.Ordinal)))
            {
                parameter.Value.Fill(0);
            }
        }

        Tensor images = Images(2, 16, 16);
        Dictionary<string, Tensor> numbers = new() { [$"{last}.attn"] = Tensor.From(0f, 0.6f), [$"{last}.mlp"] = Tensor.From(0.49f, 0.6f) };
        float[] skipped = network.Forward(images, Draws.Given(numbers))[^1].ToArray(), without = bare.Forward(images, null)[^1].ToArray();
        int half = skipped.Length / 2;
        Assert.Equal(without[..half], skipped[..half]);
        Assert.NotEqual(without[half..], skipped[half..]);
        Assert.NotEqual(network.Forward(images, null)[^1].ToArray()[half..], skipped[half..]); // what stays weighs double
    }

    [Fact]
    public void AFixedSizeIsSaid()
    {
        using StepScope scope = StepScope.Begin();
        using Backbone network = Made(Vit with { FixedSize = 24 });
        Assert.Equal([1, 6, 6, 16], network.Forward(Images(1, 24, 24), null)[0].Shape);
        Assert.Equal(
            "VisionTransformer: this transformer takes pictures of 24×24 only, got [1, 24, 28, 3].",
            Assert.Throws<ShapeException>(() => network.Forward(Images(1, 24, 28), null)).Message);
    }

    private static Backbone Made(BackboneConfig config)
    {
        Backbone network = config.Build();
        network.Initialize(3);
        foreach ((string name, Parameter parameter) in network.NamedParameters().Where(p => p.Name.EndsWith("bias", StringComparison.Ordinal)))
        {
            parameter.Value.Fill(0.1f * (name.Length % 7)); // zero at the start: a bias that is left out would not be seen
        }

        return network;
    }

    private static Tensor Images(int batch, int height, int width) => Tensor.From<float>(
        [.. Enumerable.Range(0, batch * height * width * 3).Select(i => MathF.Sin(0.7f * i))], [batch, height, width, 3]);

    private static (float[] Output, float[][] Gradients) Step(BackboneConfig config, bool recomputes)
    {
        using StepScope scope = StepScope.Begin();
        using Backbone network = Made(config);
        network.Recomputes = recomputes;
        Tensor[] maps = network.Forward(Images(2, 20, 16), Draws.From(Tensor.From(1, 2)));
        float[] output = maps[^1].ToArray();
        Tensor.Concat(0, [.. maps.Select(map => (map * map).SumAll().Reshape(1))]).SumAll().Backward();
        return (output, [.. network.NamedParameters().Select(p => p.Parameter.ExportGrad())]);
    }
}
