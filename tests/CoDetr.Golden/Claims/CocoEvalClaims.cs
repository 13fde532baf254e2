using System.Text.Json;
using CoDetr.Data;

namespace CoDetr.Golden.Claims;

/// <summary>COCO AP: every figure, over all classes and for each, with both triples of limits; curves where they are stored.</summary>
internal static class CocoEvalClaims
{
    internal static IReadOnlyList<Claim> List { get; } = [new("coco_eval/*", Evaluate)];

    private static void Evaluate(GoldenCase golden)
    {
        string folder = Path.GetDirectoryName(golden.SidecarPath)!;
        JsonElement files = golden.Json.GetProperty("files"), expected = golden.Json.GetProperty("expected");
        CocoFile truth = CocoFile.Read(Path.Combine(folder, files.GetProperty("gt").GetString()!));
        IReadOnlyList<ScoredBox> detections = CocoResults.Read(Path.Combine(folder, files.GetProperty("dets").GetString()!), truth);
        double tolerance = golden.Json.GetProperty("tolerance").GetProperty("atol").GetDouble();
        int triples = 0;
        foreach (DetectionLimits limits in (DetectionLimits[])[DetectionLimits.Coco, DetectionLimits.MmDetection])
        {
            string name = $"maxDets_{limits.Low}_{limits.Middle}_{limits.High}";
            if (!expected.TryGetProperty(name, out JsonElement figures))
            {
                continue;
            }

            triples++;
            CocoScores scores = CocoEvaluation.Evaluate(truth, detections, limits);
            foreach (JsonProperty figure in figures.GetProperty("stats").EnumerateObject())
            {
                golden.CompareNumber($"{name}.{figure.Name}", figure.Value.GetDouble(), Figure(scores, figure.Name), tolerance);
            }

            foreach (JsonProperty category in figures.GetProperty("per_class").EnumerateObject())
            {
                ClassScores one = scores.Classes[truth.LabelOf(long.Parse(category.Name))];
                foreach (JsonProperty figure in category.Value.EnumerateObject())
                {
                    golden.CompareNumber($"{name}.{category.Name}.{figure.Name}", figure.Value.GetDouble(), Figure(one, figure.Name), tolerance);
                }
            }
        }

        golden.Require(triples == expected.EnumerateObject().Count(), "every stored triple of limits is known");
        if (files.GetProperty("arrays").ValueKind == JsonValueKind.String)
        {
            AveragePrecision curves = CocoEvaluation.Evaluate(truth, detections).Curves;
            CompareCurve(golden, "precision", curves.Precision, tolerance);
            CompareCurve(golden, "scores", curves.Scores, tolerance);
            CompareCurve(golden, "recall", curves.Recall, tolerance);
        }
    }

    private static void CompareCurve(GoldenCase golden, string name, double[] found, double tolerance)
    {
        double[] stored = golden.Doubles(name);
        golden.Require(stored.Length == found.Length, $"{name} has {stored.Length} elements");
        for (int i = 0; i < Math.Min(stored.Length, found.Length); i++)
        {
            golden.CompareNumber($"{name}[{i}]", stored[i], found[i], tolerance);
        }
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
        _ => throw new ArgumentException($"no figure is called {name}"),
    };

    private static double Figure(ClassScores s, string name) => name switch
    {
        "AP" => s.Ap,
        "AP50" => s.Ap50,
        "AP75" => s.Ap75,
        "APs" => s.ApSmall,
        "APm" => s.ApMedium,
        "APl" => s.ApLarge,
        _ => throw new ArgumentException($"no figure of a class is called {name}"),
    };
}
