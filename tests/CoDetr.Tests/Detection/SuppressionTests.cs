using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

public sealed class SuppressionTests
{
    private static readonly float[] Boxes = [0, 0, 10, 10, 0, 0, 10, 8, 40, 40, 50, 50, 0, 0, 10, 9]; // IoU with the first: 0.8, 0, 0.9
    private static readonly float[] Scores = [0.9f, 0.8f, 0.7f, 0.95f];

    [Fact]
    public void OnlyBoxesOfOneClassDropEachOther()
    {
        DetectedObject[] found = Detect([1, 1, 0, 2], SuppressionSettings.Hard(0.5f));
        Assert.Equal([new(0, 0, 10, 9, 0.95f, 2), new(0, 0, 10, 10, 0.9f, 1), new(40, 40, 50, 50, 0.7f, 0)], found);
        found = Detect([1, 1, 0, 2], SuppressionSettings.Hard(0.5f) with { IsClassAgnostic = true });
        Assert.Equal([2, 0], found.Select(d => d.Label));
    }

    [Fact]
    public void LoweredScoresDecideTheOrder()
    {
        DetectedObject[] found = Detect([1, 1, 0, 2], SuppressionSettings.Lowering(0.5f));
        Assert.Equal([2, 1, 0, 1], found.Select(d => d.Label));
        Assert.Equal(0.8f * (1 - 0.8f), found[^1].Score, 1e-6f);
        Assert.Equal([2, 1], Detect([1, 1, 0, 2], SuppressionSettings.Lowering(0.5f), most: 2).Select(d => d.Label));
    }

    [Fact]
    public void EachPairOfBoxAndClassIsACandidate()
    {
        using DeviceUnderTest device = new(2);
        using StepScope scope = StepScope.Begin();
        Tensor boxes = Tensor.From(Boxes, [2, 2, 1, 4], device);
        Tensor scores = Tensor.From<float>([0.6f, 0.1f, 0.5f, 0.9f, 0.3f, 0, 0.2f, 0.4f], [2, 2, 2], device);
        (HeadDetections found, Tensor pairs) = Suppression.SelectClasses(boxes, scores, SuppressionSettings.Hard(0.5f), 3, 0.25f);
        DetectedObject[][] objects = QueryDecoding.Objects(found);
        Assert.Equal([new(0, 0, 10, 8, 0.9f, 1), new(0, 0, 10, 10, 0.6f, 0)], objects[0]);
        Assert.Equal([new(0, 0, 10, 9, 0.4f, 1), new(40, 40, 50, 50, 0.3f, 0)], objects[1]);
        Assert.Equal([3, 0, -1, 3, 0, -1], pairs.ToArray<int>());
        HeadDetections first = Suppression.DetectClasses(boxes, scores, SuppressionSettings.Hard(0.5f), 3, 0.25f, Tensor.From([1, 0], [2], device));
        Assert.Equal([1, 0], first.Counts.ToArray<int>());
    }

    [Fact]
    public void ClassesMayHaveTheirOwnBoxes()
    {
        using DeviceUnderTest device = new(2);
        using StepScope scope = StepScope.Begin();
        HeadDetections found = Suppression.DetectClasses(
            Tensor.From(Boxes, [1, 2, 2, 4], device), Tensor.From(Scores, [1, 2, 2], device), SuppressionSettings.Hard(0.85f), 4, 0);
        Assert.Equal([new(0, 0, 10, 9, 0.95f, 1), new(0, 0, 10, 10, 0.9f, 0), new(40, 40, 50, 50, 0.7f, 0)], QueryDecoding.Objects(found)[0]);
    }

    private static DetectedObject[] Detect(int[] labels, SuppressionSettings settings, int most = 4)
    {
        using DeviceUnderTest device = new(2);
        using StepScope scope = StepScope.Begin();
        return QueryDecoding.Objects(Suppression.Detect(
            Tensor.From(Boxes, [1, 4, 4], device), Tensor.From(Scores, [1, 4], device), Tensor.From(labels, [1, 4], device), settings, most))[0];
    }
}
