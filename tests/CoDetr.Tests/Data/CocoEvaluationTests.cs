using CoDetr.Data;

namespace CoDetr.Tests.Data;

/// <summary>The figures themselves are compared with the reference's by the golden cases of <c>coco_eval</c>.</summary>
public sealed class CocoEvaluationTests
{
    private static readonly CocoFile Truth = CocoFile.Read(Path.Combine(Repository.Root, "data", "digits-tiny", "annotations", "instances_val.json"));

    [Fact]
    public void TheTruthItselfIsPerfect()
    {
        CocoScores scores = CocoEvaluation.Evaluate(Truth, [.. Perfect()]);
        Assert.Equal((1.0, 1.0, 1.0), (scores.Ap, scores.Ap50, scores.ArHigh));
        Assert.Equal(-1, scores.ApLarge); // none there
        Assert.All(scores.Classes, c => Assert.Equal(1, c.Ap));
    }

    [Fact]
    public void NothingFoundIsZeroAndNothingThereIsMinusOne()
    {
        Assert.Equal(0, CocoEvaluation.Evaluate(Truth, []).Ap);
        CocoFile empty = CocoFile.Read(Path.Combine(Repository.Root, "tests", "data", "quirks", "ok_no_annotations.json"));
        Assert.Equal(-1, CocoEvaluation.Evaluate(empty, [new ScoredBox(0, 0, 1, 1, 1, 5, 5)]).Ap);
    }

    [Fact]
    public void WithAnyClassOnlyThePlaceCounts()
    {
        int classes = Truth.Categories.Count;
        ScoredBox[] misnamed = [.. Perfect().Select(d => d with { Label = (d.Label + 1) % classes })];
        Assert.InRange(CocoEvaluation.Evaluate(Truth, misnamed).Ap, 0, 0.2); // where two objects of both classes share a place
        CocoScores scores = CocoEvaluation.Evaluate(Truth, misnamed, anyClass: true);
        Assert.Equal((1.0, 1.0, 1), (scores.Ap, scores.ArHigh, scores.Classes.Count));

        // A second box on an object is wrong, whatever it names: half of them are.
        ScoredBox[] twice = [.. Perfect().SelectMany((d, i) => new[] { d with { Score = 1.0 / (i + 1) }, d with { Label = (d.Label + 1) % classes, Score = 1.0 / (i + 1) } })];
        Assert.InRange(CocoEvaluation.Evaluate(Truth, twice, anyClass: true).Ap, 0.45, 0.6);
    }

    [Fact]
    public void ResultsGoThroughAFile()
    {
        using var folder = new TemporaryFolder();
        ScoredBox[] detections = [.. Perfect().Select((d, i) => d with { X = d.X + i % 7, Score = i % 10 / 10.0 })];
        CocoResults.Write(folder["results.json"], Truth, detections);
        Assert.Equal(detections, CocoResults.Read(folder["results.json"], Truth));
    }

    [Fact]
    public void RefusesScoresThatAreNoNumbers() =>
        Assert.Throws<ArgumentException>(() => CocoEvaluation.Evaluate(Truth, [new ScoredBox(0, 0, double.NaN, 1, 1, 5, 5)]));

    private static IEnumerable<ScoredBox> Perfect() =>
        Truth.Images.SelectMany((image, i) => image.Annotations.Select(a => new ScoredBox(i, a.Label, 0.9, a.X, a.Y, a.Width, a.Height)));
}
