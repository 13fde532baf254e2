using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

/// <summary>Auxiliary heads in a whole model: what they change in training, and that they change nothing in inference.</summary>
[Collection(Alone.Name)] // launches and waits of the default device are counted
public sealed class CollaborationTests
{
    private static readonly string[] All = ["atss", "faster-rcnn", "paa", "retinanet", "fcos", "gfl"];

    public static TheoryData<string> Models => ["deformable-detr-tiny", "co-dino-tiny"];

    [Theory, MemberData(nameof(Models))]
    public void InferenceIsTheSameBitForBitWithAndWithoutHeads(string name)
    {
        using Detector none = Model(name), two = Model(name, "atss", "faster-rcnn");
        Dictionary<string, Parameter> from = two.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter);
        foreach ((string key, Parameter parameter) in none.NamedParameters())
        {
            parameter.Import(from[key].Export());
        }

        (DetectedObject[] plain, long plainLaunches) = Detect(none);
        (DetectedObject[] collaborative, long launches) = Detect(two);
        Assert.NotEmpty(plain);
        Assert.Equal(plain, collaborative);
        Assert.Equal(plainLaunches, launches);
    }

    [Fact]
    public void TheOrderOfTheListChangesNothing()
    {
        using Detector one = Model("deformable-detr-tiny", "faster-rcnn", "atss"), other = Model("deformable-detr-tiny", "atss", "faster-rcnn");
        Assert.Equal(one.NamedParameters().Select(p => p.Name), other.NamedParameters().Select(p => p.Name));
        Assert.Equal(Losses(one), Losses(other));
    }

    [Fact]
    public void AHeadsDrawsDoNotDependOnTheOthers()
    {
        using Detector alone = Model("deformable-detr-tiny", "gfl"), behind = Model("deformable-detr-tiny", "atss", "gfl");
        foreach ((string key, Parameter parameter) in alone.NamedParameters().Where(p => p.Name.StartsWith("bbox_head.0.", StringComparison.Ordinal)))
        {
            behind.NamedParameters().Single(p => p.Name == key.Replace("bbox_head.0.", "bbox_head.1.", StringComparison.Ordinal)).Parameter.Import(parameter.Export());
        }

        Assert.Equal(Positives(alone, 0), Positives(behind, 1));
    }

    [Fact]
    public void AllSixHeadsTrainTogetherAndOneTwice()
    {
        using Detector six = Model("deformable-detr-tiny", All), twice = Model("deformable-detr-tiny", "atss", "atss"), masks = Model("deformable-detr-tiny", "mask-rcnn", "faster-rcnn");
        foreach ((Detector model, int heads) in new[] { (six, 6), (twice, 2), (masks, 2) })
        {
            Dictionary<string, float> losses = Losses(model);
            Assert.All(losses, loss => Assert.True(float.IsFinite(loss.Value), loss.Key));
            Assert.All(Enumerable.Range(0, heads), i => Assert.Contains($"d0.loss_cls_aux{i}", losses.Keys));
        }
    }

    [Fact]
    public void TheAblationsLeaveOutWhatTheySay()
    {
        Dictionary<string, float> whole = Of(new Collaboration()), noQueries = Of(new Collaboration { HasPositiveQueries = false });
        Dictionary<string, float> onlyQueries = Of(new Collaboration { TrainsHeads = false }), weighted = Of(new Collaboration { Lambda1 = 0.5f, Lambda2 = 4 });
        Assert.Equal(whole.Keys.Where(name => !name.Contains("_aux", StringComparison.Ordinal)), noQueries.Keys);
        Assert.Equal(whole.Keys.Where(name => !name.Contains("loss_centerness0", StringComparison.Ordinal) && !IsOfHead(name)), onlyQueries.Keys);
        Assert.Equal(whole["loss_bbox_aux0"] / 2, weighted["loss_bbox_aux0"], 1e-6f);
        Assert.Equal(whole["loss_cls0.0"] * 2, weighted["loss_cls0.0"], 1e-5f);
        Assert.Equal(whole["loss_bbox"], weighted["loss_bbox"]);
        using Detector deep = new(ModelZoo.Config("deformable-detr-tiny", 3, new Collaboration { Heads = ["atss"], Convs = 3 }));
        Assert.Contains(deep.NamedParameters(), p => p.Name == "bbox_head.0.reg_convs.2.conv.weight");

        static bool IsOfHead(string name) => name.StartsWith("loss_cls0", StringComparison.Ordinal) || name.StartsWith("loss_bbox0", StringComparison.Ordinal);

        static Dictionary<string, float> Of(Collaboration collaboration)
        {
            using Detector model = Built(ModelZoo.Config("deformable-detr-tiny", 3, collaboration with { Heads = ["atss"] }));
            return Losses(model);
        }
    }

    [Theory]
    [InlineData("no objects at all")]
    [InlineData("none in the second picture")]
    [InlineData("one box of a pixel")]
    [InlineData("boxes over the border")]
    [InlineData("many equal boxes")]
    public void AwkwardTruthGivesFiniteLossesAndGradients(string scene)
    {
        (float[][] boxes, int[][] labels) = scene switch
        {
            "no objects at all" => (new float[][] { [], [] }, new int[][] { [], [] }),
            "none in the second picture" => ([[10, 10, 40, 50], []], [[1], []]),
            "one box of a pixel" => ([[20, 20, 21, 21], [3, 3, 4, 4]], [[0], [2]]),
            "boxes over the border" => ([[-10, -5, 30, 40], [60, 40, 100, 90]], [[0], [2]]),
            _ => ([[.. Enumerable.Repeat(new float[] { 12, 12, 44, 48 }, 12).SelectMany(b => b)], [5, 5, 30, 30]], [[.. Enumerable.Repeat(1, 12)], [0]]),
        };
        foreach (string name in new[] { "deformable-detr-tiny", "co-dino-tiny" })
        {
            using Detector model = Model(name, All);
            using StepScope scope = StepScope.Begin();
            LossTable table = model.Losses(Pictures(), Truth.From(boxes, labels), Seeded());
            table.Values.Storage.IsKept = true;
            table.Total.Backward();
            Assert.All(table.Values.ToArray(), value => Assert.True(float.IsFinite(value)));
            Assert.All(model.NamedParameters(), p => Assert.All(p.Parameter.Value.Grad?.ToArray() ?? [], g => Assert.True(float.IsFinite(g), p.Name)));
        }
    }

    [Theory]
    [InlineData(1)] // the counts of positives; the report of a step is another
    [InlineData(2, "mask-rcnn")] // and how many masks there are
    public void AStepWaitsAtMostTwiceBeforeItsReportAndUploadsNothing(int expected, params string[] further)
    {
        using Detector model = Model("co-dino-tiny", [.. All, .. further]);
        using StepScope scope = StepScope.Begin();
        (ImageBatch pictures, Truth truth, Draws draws) = (Pictures(), Objects(), Seeded());
        (long uploads, long waits) = (Device.Default.Uploads, Device.Default.Waits);
        LossTable table = model.Losses(pictures, truth, draws);
        table.Total.Backward();
        Assert.Equal((0, expected), (Device.Default.Uploads - uploads, Device.Default.Waits - waits));
    }

    [Fact]
    public void EveryHeadDetects()
    {
        using Detector model = Model("deformable-detr-tiny", [.. All, "mask-rcnn"]);
        model.IsTraining = false;
        using StepScope scope = StepScope.Begin();
        foreach (string head in model.Config.HeadNames)
        {
            DetectedObject[][] found = model.Detect(Pictures(), [(1, 1), (1, 1)], 20, auxiliaryHead: model.Config.AuxiliaryIndex(head));
            Assert.Equal(2, found.Length);
            Assert.All(found.SelectMany(f => f), d => Assert.True(d.X1 >= 0 && d.X2 <= 80 && d.Y1 >= 0 && d.Y2 <= 64 && d.X2 >= d.X1 && d.Y2 >= d.Y1, $"{head}: {d}"));
        }

        Assert.StartsWith("The model has no head 'tood'. Heads: detr, ", Assert.Throws<ConfigException>(() => model.Config.AuxiliaryIndex("tood")).Message, StringComparison.Ordinal);
    }

    private static Detector Model(string name, params string[] heads) => Built(ModelZoo.Config(name, 3, new Collaboration { Heads = heads }));

    private static Detector Built(DetectorConfig config)
    {
        Detector model = new(config with { Queries = 30 });
        model.Initialize(7);
        model.IsTraining = true;
        return model;
    }

    private static Draws Seeded() => Draws.From(Tensor.From([3, 4], [2]));

    private static ImageBatch Pictures()
    {
        Random random = new(5);
        return new ImageBatch(Tensor.From<float>([.. Enumerable.Range(0, 2 * 64 * 80 * 3).Select(_ => (random.NextSingle() * 4) - 2)], [2, 64, 80, 3]), [new(64, 80), new(50, 61)]);
    }

    private static Truth Objects() => Truth.From([[10, 10, 40, 50, 30, 5, 70, 60], [5, 8, 30, 33]], [[1, 0], [2]]);

    private static Dictionary<string, float> Losses(Detector model)
    {
        using StepScope scope = StepScope.Begin();
        LossTable table = model.Losses(Pictures(), Objects(), Seeded());
        return table.Names.Zip(table.Values.ToArray()).ToDictionary();
    }

    private static float[] Positives(Detector model, int head)
    {
        using StepScope scope = StepScope.Begin();
        using NoGrad off = NoGrad.Begin();
        ImageBatch pictures = Pictures();
        (EncoderOutput encoded, TokenGrid grid) = model.Encode(pictures, null);
        return model.Auxiliary.Train(model.Maps(encoded, grid, pictures, pictures), Objects(), Seeded()).Positives[head].Boxes.ToArray();
    }

    private static (DetectedObject[] Found, long Launches) Detect(Detector model)
    {
        model.IsTraining = false;
        using StepScope scope = StepScope.Begin();
        ImageBatch pictures = Pictures();
        long before = Device.Default.Launches;
        DetectedObject[][] found = model.Detect(pictures, [(1, 1), (1, 1)], 20);
        return ([.. found.SelectMany(f => f)], Device.Default.Launches - before);
    }
}
