using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

/// <summary>The region-proposal head and the heads that pool regions, beyond what the golden cases show.</summary>
[Collection(Alone.Name)]
public sealed class RoiHeadTests
{
    private const int Samples = 24;
    private const float PositiveShare = 0.25f;

    private static readonly RegionProposalConfig Offers = new() { Samples = 32, Training = new(150, 40, 0.7f), Inference = new(100, 30, 0.7f) };

    private static readonly Dictionary<string, RegionScene> Scenes = new()
    {
        ["ordinary"] = new(),
        ["no object in one picture"] = new() { Boxes = [[], [20, 30, 60, 110]] },
        ["no object at all"] = new() { Boxes = [[], []] },
        ["one object"] = new() { Sizes = [new(96, 128)], Boxes = [[12, 10, 70, 60]] },
        ["more positives than the cap"] = new()
        {
            Boxes = [[.. Enumerable.Range(0, 12).SelectMany(i => new float[] { 8 * i, 5, (8 * i) + 30, 80 })], [20, 30, 60, 110]],
        },
        ["one pixel"] = new() { Boxes = [[40, 40, 41, 41], [0, 0, 1, 1, 95, 127, 96, 128]] },
        ["over the border"] = new() { Boxes = [[-30, -20, 40, 50, 90, 60, 190, 150], [20, 30, 260, 310]] },
        ["identical boxes"] = new() { Boxes = [[12, 10, 70, 60, 12, 10, 70, 60, 12, 10, 70, 60], [20, 30, 60, 110, 20, 30, 60, 110]] },
        ["one class"] = new() { Classes = 1 },
        ["1,203 classes"] = new() { Classes = 1203 },
        ["pictures of all sizes"] = new() { Sizes = [new(128, 128), new(33, 20), new(70, 128)], Boxes = [[12, 10, 70, 60], [2, 3, 15, 30], [40, 10, 120, 60]] },
        ["levels of one cell"] = new() { Sizes = [new(16, 16)], Boxes = [[2, 2, 13, 15]] },
    };

    public static TheoryData<string, bool> EdgeCases => [.. from scene in Scenes.Keys from masks in new[] { false, true } select (scene, masks)];

    [Theory, MemberData(nameof(EdgeCases))]
    public void LearnsAndDetects(string name, bool masks)
    {
        RegionScene scene = Scenes[name];
        using StepScope scope = StepScope.Begin();
        using RegionProposalHead rpn = Started(new RegionProposalHead(Offers, scene.Frame));
        using FasterRcnnHead head = Started(HeadOf(masks, scene));
        FeatureMaps maps = scene.Maps();
        Truth truth = scene.Truth();
        (IReadOnlyList<NamedLoss> ofRpn, Proposals proposals) = rpn.Train(maps, truth, RegionScene.Draws().For("rpn"));
        HeadOutput output = head.Train(maps, proposals, truth, RegionScene.Draws().For("0"));
        NamedLoss[] losses = [.. ofRpn, .. output.Losses];
        string[] names = ["loss_rpn_cls", "loss_rpn_bbox", "loss_cls", "acc", "loss_bbox", .. masks ? new[] { "loss_mask" } : []];
        Assert.Equal(names, losses.Select(loss => loss.Name));
        Assert.All(losses, loss => Assert.All(loss.Values.ToArray(), value => Assert.True(float.IsFinite(value) && value >= 0, $"{loss.Name} {value}")));
        bool isEmpty = scene.Boxes.All(own => own.Length == 0);
        Assert.Equal(isEmpty, RegionScene.Sum(losses, "loss_bbox") == 0);
        Assert.True(!isEmpty || RegionScene.Sum(losses, "loss_rpn_bbox") == 0);
        CheckCandidates(output.Candidates, scene);
        Total(losses, output.Candidates.Features!.SumAll()).Backward();
        Assert.All(
            rpn.NamedParameters().Concat(head.NamedParameters()), p => Assert.All(p.Parameter.ExportGrad(), g => Assert.True(float.IsFinite(g), p.Name)));
        Assert.All(maps.Maps, map => Assert.All(map.Grad!.ToArray(), g => Assert.True(float.IsFinite(g))));

        using StepScope detection = StepScope.Begin();
        using NoGrad off = NoGrad.Begin();
        FeatureMaps again = scene.Maps();
        CheckDetections(head.Detect(again, rpn.Propose(again)), scene);
        DeviceUnderTest.AssertNoFindings(name);
    }

    [Fact]
    public void TheSameDrawsGiveTheSameBits()
    {
        float[][] runs = [.. Enumerable.Range(0, 2).Select(_ =>
        {
            using StepScope scope = StepScope.Begin();
            RegionScene scene = Scenes["more positives than the cap"];
            using FasterRcnnHead head = Started(HeadOf(true, scene));
            FeatureMaps maps = scene.Maps();
            HeadOutput output = head.Train(maps, scene.Proposals(40), scene.Truth(), RegionScene.Draws());
            float[] losses = [.. output.Losses.SelectMany(loss => loss.Values.ToArray())];
            Total(output.Losses).Backward();
            return losses.Concat(head.NamedParameters().SelectMany(p => p.Parameter.ExportGrad())).ToArray();
        })];
        if (Device.Default is CpuDevice)
        {
            Assert.Equal(runs[0], runs[1]);
        }
    }

    [Fact]
    public void ProposalsLieInTheirPictureAndOverlapLittleOnTheirLevel()
    {
        using StepScope scope = StepScope.Begin();
        RegionScene scene = Scenes["pictures of all sizes"];
        using RegionProposalHead rpn = Started(new RegionProposalHead(Offers, scene.Frame));
        Proposals found = rpn.Propose(scene.Maps());
        (float[] boxes, float[] scores, int[] counts) = (found.Boxes.ToArray(), found.Scores.ToArray(), found.Counts.ToArray<int>());
        Assert.All(counts, count => Assert.InRange(count, 1, Offers.Inference.Most));
        for (int image = 0; image < counts.Length; image++)
        {
            int first = image * Offers.Inference.Most;
            for (int i = first; i < first + counts[image]; i++)
            {
                ReadOnlySpan<float> box = boxes.AsSpan(4 * i, 4);
                Assert.True(box[0] >= 0 && box[2] > box[0] && box[2] <= scene.Sizes[image].Width);
                Assert.True(box[1] >= 0 && box[3] > box[1] && box[3] <= scene.Sizes[image].Height);
                Assert.True(i == first || scores[i] <= scores[i - 1]);
            }
        }
    }

    [Fact]
    public void OneBoxForAllClassesIsTheSameBoxForEach()
    {
        using StepScope scope = StepScope.Begin();
        RegionScene scene = new();
        FasterRcnnConfig config = Config() with { IsClassAgnostic = true };
        using FasterRcnnHead one = Started(new FasterRcnnHead(config, scene.Frame));
        using FasterRcnnHead each = Started(new FasterRcnnHead(config with { IsClassAgnostic = false }, scene.Frame));
        Dictionary<string, float[]> weights = one.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter.Export());
        foreach ((string name, Parameter parameter) in each.NamedParameters())
        {
            int times = name.Contains("fc_reg", StringComparison.Ordinal) ? scene.Classes : 1;
            parameter.Import([.. Enumerable.Range(0, times).SelectMany(_ => weights[name])]);
        }

        foreach ((NamedLoss a, NamedLoss b) in Losses(one).Zip(Losses(each)))
        {
            Assert.Equal(a.Values.ToScalar(), b.Values.ToScalar(), 1e-5f);
        }

        Assert.Equal(Rounded(one.Detect(scene.Maps(), scene.Proposals(40))), Rounded(each.Detect(scene.Maps(), scene.Proposals(40))));
        IReadOnlyList<NamedLoss> Losses(FasterRcnnHead head) => head.Train(scene.Maps(), scene.Proposals(40), scene.Truth(), RegionScene.Draws()).Losses;
    }

    [Fact]
    public void AMaskHeadDetectsAsOneWithoutMasks()
    {
        using StepScope scope = StepScope.Begin();
        RegionScene scene = new();
        using FasterRcnnHead plain = Started(HeadOf(false, scene)), masks = Started(HeadOf(true, scene));
        HeadDetections a = plain.Detect(scene.Maps(), scene.Proposals(40)), b = masks.Detect(scene.Maps(), scene.Proposals(40));
        Assert.Equal(a.Boxes.ToArray(), b.Boxes.ToArray());
        Assert.Equal(a.Scores.ToArray(), b.Scores.ToArray());
        Assert.Equal(a.Labels.ToArray<int>(), b.Labels.ToArray<int>());
        Assert.Equal(a.Counts.ToArray<int>(), b.Counts.ToArray<int>());
    }

    [Theory, InlineData("F16"), InlineData("BF16")]
    public void ShorterMapsChangeLossesLittle(string type)
    {
        Assert.SkipWhen(Device.Default is CpuDevice, "Only GPUs store f16 and bf16.");
        using StepScope scope = StepScope.Begin();
        RegionScene scene = new() { Width = 32 };
        using RegionProposalHead rpn = Started(new RegionProposalHead(Offers, scene.Frame));
        using FasterRcnnHead head = Started(new MaskRcnnHead(new MaskRcnnConfig { Hidden = 16, Samples = Samples, Convs = 1, MaskConvs = 1 }, scene.Frame));
        float[][] losses = [.. new[] { DType.F32, Enum.Parse<DType>(type) }.Select(storage =>
        {
            FeatureMaps maps = scene.Maps();
            FeatureMaps stored = maps with { Maps = [.. maps.Maps.Select(map => map.Cast(storage))] };
            NamedLoss[] found =
            [
                .. rpn.Train(stored, scene.Truth(), RegionScene.Draws()).Losses,
                .. head.Train(stored, scene.Proposals(40), scene.Truth(), RegionScene.Draws()).Losses,
            ];
            float[] values = [.. found.Where(loss => loss.Name != "acc").SelectMany(loss => loss.Values.ToArray())];
            Total(found).Backward();
            Assert.All(maps.Maps, map => Assert.Contains(map.Grad!.ToArray(), g => g != 0 && float.IsFinite(g)));
            foreach ((_, Parameter parameter) in rpn.NamedParameters().Concat(head.NamedParameters()))
            {
                Backpropagation.TakeGrad(parameter.Value);
            }

            return values;
        })];
        Assert.All(losses[0].Zip(losses[1]), pair => Assert.Equal(pair.First, pair.Second, 0.02f * (pair.First + 0.1f)));
        DeviceUnderTest.AssertNoFindings(type);
    }

    [Fact]
    public void SettingsSurviveTheirTextForm()
    {
        AuxiliaryHeadConfig[] heads =
        [
            new FasterRcnnConfig { Units = (1, 2, 3, 4), Suppression = SuppressionSettings.Lowering(0.4f, new SoftNmsSettings(SoftNmsMethod.Gaussian)) },
            new MaskRcnnConfig { MaskConvs = 2, Units = (5, 6, 7, 8) },
        ];
        Assert.All(heads, head => Assert.Equal(head, JsonSerializer.Deserialize<AuxiliaryHeadConfig>(JsonSerializer.Serialize(head))));
        RegionProposalConfig offers = new() { Samples = 3, Training = new(4, 5, 0.6f) };
        Assert.Equal(offers, JsonSerializer.Deserialize<RegionProposalConfig>(JsonSerializer.Serialize(offers)));
    }

    [Fact]
    public void WeightsOfLossesAreMultiplied()
    {
        MaskRcnnConfig masks = Assert.IsType<MaskRcnnConfig>(new MaskRcnnConfig().Times(12));
        Assert.Equal((12, 120, 12), (masks.ClassWeight, masks.BoxWeight, masks.MaskWeight));
        RegionProposalConfig offers = new RegionProposalConfig().Times(12);
        Assert.Equal((12, 12), (offers.ClassWeight, offers.BoxWeight));
    }

    [Fact]
    public void AHeadThatPoolsRegionsNeedsThem()
    {
        using StepScope scope = StepScope.Begin();
        RegionScene scene = new();
        using FasterRcnnHead head = Started(HeadOf(false, scene));
        Assert.Contains("needs proposals", Assert.Throws<ArgumentNullException>(() => head.Detect(scene.Maps(), null)).Message, StringComparison.Ordinal);
    }

    private static Tensor Total(IEnumerable<NamedLoss> losses, params Tensor[] others) =>
        Tensor.Concat(0, [.. losses.Where(loss => loss.Name != "acc").Select(loss => loss.Values).Concat(others).Select(value => value.Reshape(-1))]).SumAll();

    private static FasterRcnnConfig Config() => new() { Hidden = 16, Samples = Samples, PositiveShare = PositiveShare };

    private static FasterRcnnHead HeadOf(bool masks, RegionScene scene) => masks
        ? new MaskRcnnHead(new MaskRcnnConfig { Hidden = 16, Samples = Samples, PositiveShare = PositiveShare, MaskConvs = 1 }, scene.Frame)
        : new FasterRcnnHead(Config(), scene.Frame);

    private static T Started<T>(T module)
        where T : Module
    {
        module.Initialize(3);
        return module;
    }

    private static void CheckCandidates(PositiveCandidates candidates, RegionScene scene)
    {
        int batch = scene.Sizes.Length, rows = candidates.Boxes.Shape[1];
        int[] index = candidates.Assignment.Index.ToArray<int>();
        Assert.Equal<int>([batch, rows, scene.Width], candidates.Features!.Shape.ToArray());
        int[] taken = [.. index.Chunk(rows).Select(own => own.Count(k => k != Assignment.Ignored))];
        Assert.Single(taken.Distinct()); // as many of each picture as of the one with fewest
        foreach ((int[] own, float[] objects) in index.Chunk(rows).Zip(scene.Boxes))
        {
            Assert.True(own.Count(k => k >= 0) <= (int)(Samples * PositiveShare));
            Assert.All(own, k => Assert.InRange(k, Assignment.Ignored, (objects.Length / 4) - 1));
            Assert.Equal([.. own.Where(k => k >= 0), .. own.Where(k => k == Assignment.Negative), .. own.Where(k => k == Assignment.Ignored)], own);
        }
    }

    private static void CheckDetections(HeadDetections found, RegionScene scene)
    {
        (float[] scores, int[] labels, int[] counts) = (found.Scores.ToArray(), found.Labels.ToArray<int>(), found.Counts.ToArray<int>());
        for (int image = 0; image < counts.Length; image++)
        {
            Assert.InRange(counts[image], 1, 100);
            for (int i = image * 100; i < (image * 100) + counts[image]; i++)
            {
                Assert.InRange(labels[i], 0, scene.Classes - 1);
                Assert.InRange(scores[i], 0, i % 100 == 0 ? 1 : scores[i - 1]);
            }
        }

        Assert.All(found.Boxes.ToArray(), x => Assert.True(float.IsFinite(x)));
    }

    /// <summary>Products of other widths round differently.</summary>
    private static IEnumerable<string> Rounded(HeadDetections found)
    {
        (float[] boxes, float[] scores, int[] labels) = (found.Boxes.ToArray(), found.Scores.ToArray(), found.Labels.ToArray<int>());
        return labels.Select((label, i) => $"{label} {scores[i]:F4} {string.Join(' ', boxes[(4 * i)..((4 * i) + 4)].Select(x => $"{x:F2}"))}");
    }
}
