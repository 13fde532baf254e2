using CoDetr.Detection;
using CoDetr.Tensors;
using static CoDetr.Tests.Detection.PlainLosses;

namespace CoDetr.Tests.Detection;

/// <summary>Detection by each dense head against a plain one: selection by level, decoding, quality, suppression by class, voting.</summary>
public sealed class DenseDetectionTests
{
    public static TheoryData<string, bool> Kinds => [.. from kind in DenseKind.All from fewPerLevel in new[] { false, true } select (kind.Name, fewPerLevel)];

    [Theory, MemberData(nameof(Kinds))]
    public void AgreesWithThePlainMethod(string name, bool fewPerLevel)
    {
        using StepScope scope = StepScope.Begin();
        using NoGrad off = NoGrad.Begin();
        (DenseKind kind, HeadScene scene) = (DenseKind.Of(name), HeadScene.Plain);
        DenseDetectionConfig config = new() { PerLevel = fewPerLevel ? 25 : 1000, ScoreThreshold = 0.05f, MaxDetections = 40, Suppression = SuppressionSettings.Hard(0.5f) };
        using DenseHead head = Configured(kind, config, scene);
        PlainPredictions plain = kind.Predictions(scene, 21);
        HeadDetections found = head.Detect(kind.Upload(scene, plain), scene.Pyramid());
        (float[] boxes, float[] scores, int[] labels, int[] counts) = (found.Boxes.ToArray(), found.Scores.ToArray(), found.Labels.ToArray<int>(), found.Counts.ToArray<int>());
        DeviceUnderTest.AssertNoFindings(name);
        DenseReference reference = kind.Reference(scene, plain);
        for (int image = 0; image < scene.Batch; image++)
        {
            Candidate[] expected = Expected(kind, reference, plain, image, config);
            Assert.Equal(expected.Length, counts[image]);
            for (int i = 0; i < expected.Length; i++)
            {
                int at = (image * config.MaxDetections) + i;
                Assert.Equal(expected[i].Label, labels[at]);
                Assert.Equal(expected[i].Score, scores[at], 1e-5);
                Assert.All(expected[i].Box.Zip(boxes[(4 * at)..((4 * at) + 4)]), pair => Assert.Equal(pair.First, pair.Second, 2e-3));
            }
        }
    }

    [Fact]
    public void SoftSuppressionLowersWhatOverlaps()
    {
        using StepScope scope = StepScope.Begin();
        using NoGrad off = NoGrad.Begin();
        (DenseKind kind, HeadScene scene) = (DenseKind.Of("atss"), HeadScene.Plain);
        DenseDetectionConfig hard = new() { MaxDetections = 60 };
        using DenseHead one = Configured(kind, hard, scene), other = Configured(kind, hard with { Suppression = SuppressionSettings.Lowering(0.6f) }, scene);
        DensePredictions predictions = kind.Upload(scene, kind.Predictions(scene, 22));
        HeadDetections kept = one.Detect(predictions, scene.Pyramid()), lowered = other.Detect(predictions, scene.Pyramid());
        float[] before = kept.Scores.ToArray(), after = lowered.Scores.ToArray();
        Assert.Equal(before[0], after[0]); // the best is the best
        Assert.All(before.Zip(after), pair => Assert.True(pair.Second >= pair.First)); // nothing is dropped, so the n-th best is no worse
    }

    private static DenseHead Configured(DenseKind kind, DenseDetectionConfig detection, HeadScene scene) => (kind with
    {
        Config = kind.Config switch
        {
            AtssConfig c => (AuxiliaryHeadConfig)(c with { Detection = detection }),
            GflConfig c => c with { Detection = detection },
            RetinaConfig c => c with { Detection = detection },
            FcosConfig c => c with { Detection = detection },
            _ => ((PaaConfig)kind.Config) with { Detection = detection },
        },
    }).Build(scene);

    private sealed record Candidate(double[] Box, double Score, int Label);

    private static Candidate[] Expected(DenseKind kind, DenseReference reference, PlainPredictions found, int image, DenseDetectionConfig config)
    {
        int[] places = [.. Enumerable.Range(image * reference.Rows, reference.Rows)];
        (int height, int width) = reference.Scene.Pictures[image];
        double[] Clipped(double[] box) => [Math.Clamp(box[0], 0, width), Math.Clamp(box[1], 0, height), Math.Clamp(box[2], 0, width), Math.Clamp(box[3], 0, height)];
        bool isPaa = kind.Config is PaaConfig;
        double Quality(int place) => kind.HasQuality ? Sigmoid(found.Quality[place]) : 1;
        double Score(int place, int c) => isPaa ? Math.Sqrt(Sigmoid(found.Logits[place][c]) * Quality(place)) : Sigmoid(found.Logits[place][c]);
        (int Place, int Class)[] taken =
        [
            .. places.GroupBy(place => reference.SlotOf(0, place) + (reference.IsByLevel ? 0 : reference.Scene.LevelOf(place % reference.Rows))).SelectMany(level => isPaa
                ? level.OrderByDescending(place => found.Logits[place].Select((_, c) => Score(place, c)).Max()).Take(config.PerLevel)
                    .SelectMany(place => found.Logits[place].Select((_, c) => (place, c)))
                : level.SelectMany(place => found.Logits[place].Select((_, c) => (place, c))).OrderByDescending(pair => Score(pair.place, pair.c)).Take(config.PerLevel)),
        ];
        Candidate[] candidates =
        [
            .. taken.Where(pair => Score(pair.Place, pair.Class) > config.ScoreThreshold).Select(pair => new Candidate(
                Clipped(reference.Box(pair.Place, found.Boxes[pair.Place])), Score(pair.Place, pair.Class) * (isPaa ? 1 : Quality(pair.Place)), pair.Class)),
        ];
        List<Candidate> kept = [];
        foreach (Candidate candidate in candidates.OrderByDescending(c => c.Score))
        {
            if (kept.Count < config.MaxDetections && !kept.Exists(k => k.Label == candidate.Label && IoU(k.Box, candidate.Box) > config.Suppression.Threshold))
            {
                kept.Add(candidate);
            }
        }

        return [.. kept.Select(k => isPaa ? k with { Box = Voted(k, candidates) } : k)];
    }

    /// <summary>Spec/losses-and-assignment.md §5.6, test.</summary>
    private static double[] Voted(Candidate kept, Candidate[] candidates)
    {
        (double Weight, double[] Box)[] votes =
        [
            .. candidates.Where(c => c.Label == kept.Label).Select(c => (Overlap: IoU(kept.Box, c.Box), c)).Where(v => v.Overlap > 0.01)
                .Select(v => (v.c.Score * Math.Exp(-(1 - v.Overlap) * (1 - v.Overlap) / 0.025), v.c.Box)),
        ];
        return [.. Enumerable.Range(0, 4).Select(i => votes.Sum(v => v.Weight * v.Box[i]) / votes.Sum(v => v.Weight))];
    }
}
