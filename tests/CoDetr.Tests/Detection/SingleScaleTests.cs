using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

/// <summary>A detector whose transformer sees one level, with auxiliary heads on the pyramid that an adapter makes of it.</summary>
public sealed class SingleScaleTests
{
    private static readonly string[] Pair = ["atss", "faster-rcnn"];

    [Fact]
    public void TheAdapterEnlargesTwiceAndHalvesTwice()
    {
        const int width = 32;
        MultiScaleAdapter adapter = new(width);
        adapter.Initialize(3);
        Random random = new(1);
        Tensor map = Tensor.From<float>([.. Enumerable.Range(0, 3 * 5 * width).Select(_ => random.NextSingle())], [1, 3, 5, width]);
        Tensor[] maps = adapter.Forward(map);
        Assert.Equal<Shape>([[1, 12, 20, width], [1, 6, 10, width], [1, 3, 5, width], [1, 2, 3, width], [1, 1, 2, width]], maps.Select(m => m.Shape));
        Assert.Same(map, maps[2]);

        // Enlarged bilinearly by four, then filtered: in the middle of four by four cells a linear ramp stays one.
        Dictionary<string, Tensor> weights = adapter.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter.Value);
        Tensor ramp = Tensor.From<float>([.. Enumerable.Range(0, 16 * 20 * width).Select(i => ((i / width % 20) - 1.5f) / 4)], [1, 16, 20, width]); // as if column x of the small map held x
        Tensor small = Tensor.From<float>([.. Enumerable.Range(0, 4 * 5 * width).Select(i => (float)(i / width % 5))], [1, 4, 5, width]);
        Tensor Filtered(Tensor x) => x.Conv2d(weights["up.0.0.weight"], new Convolution { Padding = 1, Bias = weights["up.0.0.bias"] });
        float[] expected = Middle(Filtered(ramp)), found = Middle(Filtered(small.Interpolate((16, 20))));
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        float[] whole = adapter.Forward(small)[0].ToArray();
        float[] normed = Filtered(small.Interpolate((16, 20))).GroupNorm(32, weights["up.0.1.weight"], weights["up.0.1.bias"]).ToArray();
        Assert.All(whole.Zip(normed), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));

        static float[] Middle(Tensor x) => x.Slice(1, 4, 8).Slice(2, 4, 12).ToArray();
    }

    [Fact]
    public void HeadsTrainTheAdapterAndTheOneLevel()
    {
        using Detector model = Model(Pair);
        model.IsTraining = true;
        using StepScope scope = StepScope.Begin();
        LossTable table = model.Losses(Pictures(), Truth.From([[10, 10, 40, 50, 30, 5, 70, 60]], [[1, 0]]), Draws.From(Tensor.From([3, 4], [2])));
        Assert.Contains("loss_bbox1.4", table.Names); // five maps: strides 8 to 128
        table.Total.Backward();
        Assert.All(
            model.NamedParameters().Where(p => p.Name.Contains("adapter.", StringComparison.Ordinal) || p.Name.StartsWith("neck.", StringComparison.Ordinal)),
            p => Assert.Contains(p.Parameter.Value.Grad!.ToArray(), g => g != 0));
        Assert.Equal(8, model.NamedParameters().Count(p => p.Name.Contains("adapter.up.", StringComparison.Ordinal)));
    }

    [Fact]
    public void EveryHeadDetectsAndTheQueryHeadAsWithoutHeads()
    {
        using Detector none = Model(), two = Model(Pair);
        Dictionary<string, Parameter> from = two.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter);
        foreach ((string key, Parameter parameter) in none.NamedParameters())
        {
            parameter.Import(from[key].Export());
        }

        using StepScope scope = StepScope.Begin();
        DetectedObject[] plain = none.Detect(Pictures(), [(1, 1)], 20)[0];
        Assert.NotEmpty(plain);
        Assert.Equal(plain, two.Detect(Pictures(), [(1, 1)], 20)[0]);
        foreach (string head in Pair)
        {
            DetectedObject[] found = two.Detect(Pictures(), [(1, 1)], 20, auxiliaryHead: two.Config.AuxiliaryIndex(head))[0];
            Assert.All(found, d => Assert.True(d.X1 >= 0 && d.X2 <= 80 && d.Y1 >= 0 && d.Y2 <= 64, $"{head}: {d}"));
            Assert.NotEmpty(found);
        }
    }

    [Fact]
    public void PicturesWithFewerCellsThanQueriesAreOneClearLine()
    {
        using Detector model = new(ModelZoo.Config("deformable-detr-tiny", 3) with { Queries = 200 });
        model.Initialize(7);
        Assert.StartsWith(
            "Pictures of 80×64 have 108 cells on the model's levels, fewer than its 200 queries", Assert.Throws<ConfigException>(() => model.Detect(Pictures(), [(1, 1)], 20)).Message,
            StringComparison.Ordinal);
    }

    private static Detector Model(params string[] heads)
    {
        DetectorConfig small = ModelZoo.Config("deformable-detr-tiny", 3), named = ModelZoo.Config("co-deformable-detr-single-scale-r50", 3, new Collaboration { Heads = heads });
        Detector model = new(named with
        {
            Backbone = (ResNetConfig)small.Backbone with { OutStages = [3] },
            Width = 64,
            FeedForward = 64,
            EncoderLayers = 1,
            DecoderLayers = 2,
            Queries = 5,
        });
        model.Initialize(7);
        return model;
    }

    private static ImageBatch Pictures()
    {
        Random random = new(5);
        return new ImageBatch(Tensor.From<float>([.. Enumerable.Range(0, 64 * 80 * 3).Select(_ => (random.NextSingle() * 4) - 2)], [1, 64, 80, 3]), [new(64, 80)]);
    }
}
