using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

/// <summary>Every dense head on every awkward kind of scene: losses, gradients and candidates are the plain reference's, detections are sound.</summary>
public sealed class HeadEdgeTests
{
    private static readonly string[] OnAGpu = ["no object in one picture", "no object at all", "identical boxes", "a level of one cell", "one cell alone"];

    /// <summary>All of them on the CPU; of a GPU, which may be one that software plays, some.</summary>
    public static TheoryData<string, string> Cases =>
        [.. from kind in DenseKind.All from scene in HeadScene.All where Device.Default is CpuDevice || OnAGpu.Contains(scene.Name) select (kind.Name, scene.Name)];

    [Theory, MemberData(nameof(Cases))]
    public void LossesAndGradientsAreTheReferences(string head, string scene) => Compare(DenseKind.Of(head), HeadScene.All.Single(s => s.Name == scene));

    [Theory, MemberData(nameof(Cases))]
    public void DetectionsAreSound(string head, string scene) => Detect(DenseKind.Of(head), HeadScene.All.Single(s => s.Name == scene));

    private static void Compare(DenseKind kind, HeadScene scene)
    {
        using StepScope scope = StepScope.Begin();
        using DenseHead head = kind.Build(scene);
        PlainPredictions plain = kind.Predictions(scene, 7);
        DensePredictions found = kind.Upload(scene, plain);
        DenseReference reference = kind.Reference(scene, plain);
        HeadOutput output = head.Train(found, scene.Pyramid(), scene.Truth);
        Assert.Equal(reference.Names, output.Losses.Select(loss => loss.Name));
        double[] expected = reference.Values(plain);
        float[] values = [.. output.Losses.SelectMany(loss => loss.Values.ToArray())];
        Assert.Equal(expected.Length, values.Length);
        Assert.All(expected.Zip(values).Index(), pair => Assert.True(
            Math.Abs(pair.Item.First - pair.Item.Second) <= scene.Tolerance * (Math.Abs(pair.Item.First) + 1e-2), $"loss {pair.Index} is {pair.Item.Second}, not {pair.Item.First}"));
        if (scene.Boxes.All(boxes => boxes.Length == 0))
        {
            Assert.All(output.Losses.Skip(1).SelectMany(loss => loss.Values.ToArray()), value => Assert.Equal(0, value));
        }

        CheckCandidates(output.Candidates, reference, kind);
        double[] factors = [.. expected.Select((_, i) => (double)(1 + (0.25f * (i % 5))))];
        (Tensor.Concat(0, [.. output.Losses.Select(loss => loss.Values.Reshape(-1))]) * Tensor.From<float>([.. factors.Select(f => (float)f)])).SumAll().Backward();
        CheckGradients(found, plain, reference, factors);
        DeviceUnderTest.AssertNoFindings($"{kind.Name}, {scene.Name}");
    }

    private static void CheckCandidates(PositiveCandidates candidates, DenseReference reference, DenseKind kind)
    {
        Assert.Equal(kind.PerToken, candidates.PerToken);
        Assert.Null(candidates.Features);
        Assert.Equal(reference.Index.Select(k => Math.Max(k, -1)), candidates.Assignment.Index.ToArray<int>());
        bool keepsAll = kind.Name.StartsWith("fcos", StringComparison.Ordinal);
        Assert.Equal(
            Enumerable.Range(0, reference.Index.Length).SelectMany(place =>
                keepsAll || reference.Scene.Squares.Use[(place / reference.Rows * reference.Scene.Squares.Rows) + (place % reference.Rows / kind.PerToken)] == 1
                    ? reference.Priors[place % reference.Rows]
                    : new float[4]),
            candidates.Boxes.ToArray());
    }

    /// <summary>Differences of each row's losses: nothing of another row depends on its numbers but what counts as constant.</summary>
    private static void CheckGradients(DensePredictions found, PlainPredictions plain, DenseReference reference, double[] factors)
    {
        (float[] logits, float[] boxes, float[]? quality) = (found.Logits.Grad!.ToArray(), found.Boxes.Grad!.ToArray(), found.Quality?.Grad?.ToArray());
        double bound = reference.Scene.Tolerance * Math.Max(1e-6, logits.Concat(boxes).Concat(quality ?? []).Select(Math.Abs).Max());
        double[] ofQuality = new double[1];
        for (int place = 0; place < reference.Index.Length; place++)
        {
            ofQuality[0] = plain.Quality[place];
            double Total() => reference.Row(place, plain.Logits[place], plain.Boxes[place], ofQuality[0])
                .Select((value, loss) => value * factors[reference.SlotOf(loss, place)]).Sum();
            Check(plain.Logits[place], logits, place, Total, bound, "logit");
            Check(plain.Boxes[place], boxes, place, Total, bound, "box number");
            if (quality is not null)
            {
                Check(ofQuality, quality, place, Total, bound, "quality");
            }
        }
    }

    private static void Check(double[] numbers, float[] gradient, int place, Func<double> total, double bound, string what)
    {
        const double Step = 1e-7; // hardly ever is an edge that close to another
        int every = 1 + (numbers.Length / 32); // of many numbers some, others in other rows
        for (int i = place % every; i < numbers.Length; i += every)
        {
            double start = numbers[i];
            numbers[i] = start + Step;
            double above = total();
            numbers[i] = start - Step;
            double slope = (above - total()) / (2 * Step), found = gradient[(place * numbers.Length) + i];
            numbers[i] = start;
            Assert.True(Math.Abs(slope - found) <= bound, $"the gradient of {what} {i} at {place} is {found}, not {slope} (within {bound})");
        }
    }

    private static void Detect(DenseKind kind, HeadScene scene)
    {
        using StepScope scope = StepScope.Begin();
        using NoGrad off = NoGrad.Begin();
        using DenseHead head = kind.Build(scene);
        HeadDetections found = head.Detect(kind.Upload(scene, kind.Predictions(scene, 8)), scene.Pyramid());
        (float[] boxes, float[] scores, int[] labels, int[] counts) = (found.Boxes.ToArray(), found.Scores.ToArray(), found.Labels.ToArray<int>(), found.Counts.ToArray<int>());
        int most = found.Scores.Shape[1];
        DeviceUnderTest.AssertNoFindings($"{kind.Name}, {scene.Name}");
        for (int image = 0; image < scene.Batch; image++)
        {
            Assert.InRange(counts[image], 1, most);
            for (int i = image * most; i < (image * most) + counts[image]; i++)
            {
                Assert.InRange(labels[i], 0, scene.Classes - 1);
                Assert.InRange(scores[i], 0, i % most == 0 ? 1 : scores[i - 1]);
                Assert.InRange(boxes[4 * i], 0, boxes[(4 * i) + 2]);
                Assert.InRange(boxes[(4 * i) + 1], 0, boxes[(4 * i) + 3]);
                Assert.InRange(boxes[(4 * i) + 2], 0, scene.Pictures[image].Width + 1e-4f); // means of boxes are rounded
                Assert.InRange(boxes[(4 * i) + 3], 0, scene.Pictures[image].Height + 1e-4f);
            }
        }
    }
}
