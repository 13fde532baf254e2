using System.Diagnostics;
using System.Text.Json;
using CoDetr.Data;

namespace CoDetr.Tests.Data;

public sealed class CocoEvaluationTests
{
    public static TheoryData<string> Cases => [.. StoredCase.Names("coco_eval")];

    [Theory, MemberData(nameof(Cases))]
    public void AgreesWithTheReference(string name)
    {
        var stored = new StoredCase("coco_eval", name);
        CocoFile truth = CocoFile.Read(Path.Combine(stored.Folder, name + ".gt.json"));
        IReadOnlyList<ScoredBox> detections = CocoResults.Read(Path.Combine(stored.Folder, name + ".dets.json"), truth);
        double tolerance = stored.Description.GetProperty("tolerance").GetProperty("atol").GetDouble();
        JsonElement expected = stored.Description.GetProperty("expected");
        int compared = 0;
        foreach (DetectionLimits limits in (DetectionLimits[])[DetectionLimits.Coco, DetectionLimits.MmDetection])
        {
            CocoScores scores = CocoEvaluation.Evaluate(truth, detections, limits);
            JsonElement figures = expected.GetProperty($"maxDets_{limits.Low}_{limits.Middle}_{limits.High}");
            foreach (JsonProperty figure in figures.GetProperty("stats").EnumerateObject())
                Close(figure, Figure(scores, figure.Name));
            foreach (JsonProperty category in figures.GetProperty("per_class").EnumerateObject())
                foreach (JsonProperty figure in category.Value.EnumerateObject())
                    Close(figure, Figure(scores.Classes[truth.LabelOf(long.Parse(category.Name))], figure.Name));
        }
        foreach (JsonProperty figure in stored.Description.GetProperty("derived_by_hand").EnumerateObject())
            if (figure.Value.ValueKind == JsonValueKind.Number)
                Assert.Equal(figure.Value.GetDouble(), Figure(CocoEvaluation.Evaluate(truth, detections), figure.Name), 9);
        Assert.Equal(24 + 12 * truth.Categories.Count, compared);

        void Close(JsonProperty wanted, double found)
        {
            Assert.True(Math.Abs(found - wanted.Value.GetDouble()) <= tolerance, $"{name} {wanted.Name}: {found}, expected {wanted.Value}");
            compared++;
        }
    }

    [Theory, InlineData("random_0"), InlineData("half_recall")]
    public void CurvesAgreeWithTheReference(string name)
    {
        var stored = new StoredCase("coco_eval", name);
        CocoFile truth = CocoFile.Read(Path.Combine(stored.Folder, name + ".gt.json"));
        AveragePrecision curves = CocoEvaluation.Evaluate(truth, CocoResults.Read(Path.Combine(stored.Folder, name + ".dets.json"), truth)).Curves;
        Compare("precision", curves.Precision);
        Compare("scores", curves.Scores);
        Compare("recall", curves.Recall);

        void Compare(string tensor, double[] found)
        {
            double[] expected = stored.Read<double>(tensor);
            Assert.Equal(expected.Length, found.Length);
            for (int i = 0; i < found.Length; i++)
                Assert.True(Math.Abs(expected[i] - found[i]) <= 1e-9, $"{tensor}[{i}]: {found[i]}, expected {expected[i]}");
        }
    }

    [Fact]
    public void EveryStoredArrayIsCompared() =>
        Assert.Equal(["half_recall", "random_0"], StoredCase.Names("coco_eval").Where(n => new StoredCase("coco_eval", n).Has("precision")));

    [Fact]
    public void ThreeHundredImagesTakeLessThanASecond()
    {
        CocoFile truth = CocoFile.Read(Path.Combine(Repository.Root, "data", "digits-tiny", "annotations", "instances_val.json"));
        var draws = new RandomDraws(1, "evaluation test");
        var detections = new List<ScoredBox>();
        for (int image = 0; image < truth.Images.Count; image++)
            for (int i = 0; i < 100; i++)
                detections.Add(new ScoredBox(image, draws.Between(0, 2), draws.Unit(), 80 * draws.Unit(), 60 * draws.Unit(), 30 * draws.Unit(), 30 * draws.Unit()));
        double best = double.MaxValue;
        for (int trial = 0; trial < 5 && best > 500; trial++) // the first compiles, and other tests run beside this one
        {
            var watch = Stopwatch.StartNew();
            CocoEvaluation.Evaluate(truth, detections);
            best = Math.Min(best, watch.Elapsed.TotalMilliseconds);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{best:F0} ms");
        Assert.InRange(best, 0, 1000);
    }

    private static double Figure(CocoScores s, string name) => name switch
    {
        "AP" => s.Ap,
        "AP50" => s.Ap50,
        "AP75" => s.Ap75,
        "APs" => s.ApSmall,
        "APm" => s.ApMedium,
        "APl" => s.ApLarge,
        "ARs" => s.ArSmall,
        "ARm" => s.ArMedium,
        "ARl" => s.ArLarge,
        _ when name == $"AR@{s.Limits.Low}" => s.ArLow,
        _ when name == $"AR@{s.Limits.Middle}" => s.ArMiddle,
        _ when name == $"AR@{s.Limits.High}" => s.ArHigh,
        _ => throw new ArgumentException(name),
    };

    private static double Figure(ClassScores s, string name) => name switch
    {
        "AP" => s.Ap,
        "AP50" => s.Ap50,
        "AP75" => s.Ap75,
        "APs" => s.ApSmall,
        "APm" => s.ApMedium,
        "APl" => s.ApLarge,
        _ => throw new ArgumentException(name),
    };
}
