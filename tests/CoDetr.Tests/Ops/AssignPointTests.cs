using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class AssignPointTests
{
    public static TheoryData<string, float> Scenes
    {
        get
        {
            TheoryData<string, float> cases = [];
            foreach (AssignmentScene scene in AssignmentScene.All)
            {
                cases.Add(scene.Name, 0);
                cases.Add(scene.Name, 1.5f);
            }

            return cases;
        }
    }

    [Theory, MemberData(nameof(Scenes))]
    public void AgreesWithThePlainMethod(string name, float radius)
    {
        AssignmentScene scene = AssignmentScene.All.Single(s => s.Name == name);
        PointRange[] ranges = Ranges(scene.Maps.Length, radius);
        int[] found = AssignmentScene.ForAnyWorkers(device => scene.PaddedBoxes(device).AssignPoints(
            Tensor.From(scene.Counts, [scene.Batch], device), scene.Levels(device), ranges,
            Tensor.From(scene.Use, [scene.Batch, scene.Rows], device)).ToArray<int>());
        Assert.Equal(Plain(scene, ranges), found);
    }

    [Fact]
    public void WithoutAMaskEveryPointCounts()
    {
        AssignmentScene scene = AssignmentScene.All[0] with { Uses = (_, _) => 0 };
        PointRange[] ranges = Ranges(scene.Maps.Length, 1.5f);
        int[] found = AssignmentScene.ForAnyWorkers(device => scene.PaddedBoxes(device).AssignPoints(
            Tensor.From(scene.Counts, [scene.Batch], device), scene.Levels(device), ranges).ToArray<int>());
        Assert.Equal(Plain(scene with { Uses = (_, _) => 1 }, ranges), found);
    }

    [Fact]
    public void BoundsOfARangeAreWithinItAndTheSmallestTruthWins()
    {
        // One level of stride 8: the point (12, 12) is 12 away from the far side of the second truth, which is smaller, and 20 from that of the first.
        using StepScope scope = StepScope.Begin();
        Tensor boxes = Tensor.From([0f, 0, 32, 32, 0, 0, 24, 24], [1, 2, 4]), counts = Tensor.From(2);
        FeatureLevels levels = new([(2, 2)]);
        int At(float low, float high) => boxes.AssignPoints(counts, levels, [new PointRange(8, low, high, 0)]).ToArray<int>()[3];
        Assert.Equal(1, At(-1, 12));
        Assert.Equal(1, At(12, 100));
        Assert.Equal(0, At(12.5f, 20));
        Assert.Equal(-1, At(20.5f, 100));
        Assert.Equal(-1, At(-1, 11.5f));
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "AssignPoints: there must be a range for each of 2 levels, got 1.",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([1, 1, 4]).AssignPoints(
            Tensor.Zeros([1], DType.I32), new FeatureLevels([(4, 4), (2, 2)]), [new PointRange(8, -1, 64, 12)])).Message);

    private static PointRange[] Ranges(int levels, float radius) => [.. Enumerable.Range(0, levels).Select(l =>
        new PointRange(8 << l, l == 0 ? -1 : 16 << l, l == levels - 1 ? 1e8f : 32 << l, radius * (8 << l)))];

    internal static int[] Plain(AssignmentScene scene, PointRange[] ranges)
    {
        int[] index = [.. scene.Use.Select(use => use == 0 ? -2 : -1)], starts = scene.Starts;
        for (int place = 0; place < index.Length; place++)
        {
            (int image, int row) = (place / scene.Rows, place % scene.Rows);
            int level = Array.FindLastIndex(starts, start => start <= row), cell = row - starts[level], width = scene.Maps[level].Width;
            PointRange range = ranges[level];
            double x = ((cell % width) + 0.5) * range.Stride, y = ((cell / width) + 0.5) * range.Stride, least = 1e8;
            foreach ((int k, float[] box) in scene.Boxes[image].Chunk(4).Index())
            {
                double[] sides = [x - box[0], y - box[1], box[2] - x, box[3] - y];
                double fromCenter = Math.Max(Math.Abs(x - ((box[0] + box[2]) / 2)), Math.Abs(y - ((box[1] + box[3]) / 2)));
                bool isInside = sides.Min() > 0 && (range.Radius == 0 || fromCenter < range.Radius);
                double area = (box[2] - box[0]) * (box[3] - box[1]);
                if (index[place] != -2 && isInside && sides.Max() >= range.Low && sides.Max() <= range.High && area < least)
                {
                    (index[place], least) = (k, area);
                }
            }
        }

        return index;
    }
}
