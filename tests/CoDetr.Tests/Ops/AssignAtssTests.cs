using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class AssignAtssTests
{
    public static TheoryData<string> Scenes => [.. AssignmentScene.All.Select(scene => scene.Name)];

    [Theory, MemberData(nameof(Scenes))]
    public void AgreesWithThePlainMethod(string name)
    {
        AssignmentScene scene = AssignmentScene.All.Single(s => s.Name == name);
        foreach (int nearest in new[] { 9, 1, 3 })
        {
            Assert.Equal(Plain(scene, nearest), Assigned(scene, nearest));
        }
    }

    [Fact]
    public void PositivesAreTheReferences()
    {
        // The worked examples of spec/losses-and-assignment.md §10.1.
        AssignmentScene two = new("", [(16, 16), (8, 8), (4, 4)], [[20, 20, 90, 84, 40, 40, 127, 120]]);
        int[] index = Assigned(two, 9);
        Assert.Equal([87, 102, 103, 104, 118, 119, 120, 135], index.Index().Where(i => i.Item == 0).Select(i => i.Index));
        Assert.Equal([153, 154, 155, 169, 170, 171, 186, 187], index.Index().Where(i => i.Item == 1).Select(i => i.Index));
        Assert.All(Assigned(new("", [(8, 8), (4, 4)], [[10, 10, 50, 40]]), 9), fate => Assert.Equal(-1, fate));
    }

    [Fact]
    public void SeveralAnchorsOfATokenBelongToItsLevel()
    {
        AssignmentScene scene = AssignmentScene.All[0];
        float[] doubled = [.. scene.Anchors.Chunk(4).SelectMany(a => a.Concat(a))];
        int[] twice = AssignmentScene.ForAnyWorkers(device => Tensor.From(doubled, [2 * scene.Rows, 4], device).AssignAtss(
            scene.Levels(device), 2, Tensor.From([.. Enumerable.Repeat((byte)1, 2 * scene.Batch * scene.Rows)], [scene.Batch, 2 * scene.Rows], device),
            scene.PaddedBoxes(device), Tensor.From(scene.Counts, [scene.Batch], device), 18).ToArray<int>());
        int[] once = Assigned(scene, 9);
        Assert.Equal(twice.Where((_, i) => i % 2 == 0), twice.Where((_, i) => i % 2 == 1));
        Assert.All(once.Index(), i => Assert.True(i.Item < 0 || twice[2 * i.Index] >= 0)); // the thresholds are no higher: n - 1 weighs less
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor anchors = Tensor.Zeros([20, 4]), use = Tensor.Zeros([2, 20], DType.U8), boxes = Tensor.Zeros([2, 3, 4]), counts = Tensor.Zeros([2], DType.I32);
        FeatureLevels levels = new([(4, 4), (2, 2)]);
        Assert.Equal(
            "AssignAtss: anchors must be [rows, 4] = [40, 4], got [20, 4].",
            Assert.Throws<ShapeException>(() => anchors.AssignAtss(levels, 2, use, boxes, counts)).Message);
        Assert.Equal(
            "AssignAtss: counts must be [batch] = [2], got [3].",
            Assert.Throws<ShapeException>(() => anchors.AssignAtss(levels, 1, use, boxes, Tensor.Zeros([3], DType.I32))).Message);
    }

    private static int[] Assigned(AssignmentScene scene, int nearest) => AssignmentScene.ForAnyWorkers(device =>
        Tensor.From(scene.Anchors, [scene.Rows, 4], device).AssignAtss(
            scene.Levels(device), 1, Tensor.From(scene.Use, [scene.Batch, scene.Rows], device), scene.PaddedBoxes(device),
            Tensor.From(scene.Counts, [scene.Batch], device), nearest).ToArray<int>());

    internal static int[] Plain(AssignmentScene scene, int nearest)
    {
        double[] anchors = [.. scene.Anchors.Select(v => (double)v)];
        int[] index = [.. scene.Use.Select(use => use == 1 ? -1 : -2)], starts = scene.Starts;
        double[] best = [.. index.Select(_ => -1.0)];
        for (int image = 0; image < scene.Batch; image++)
        {
            int[] kinds = [.. Enumerable.Range(0, scene.Rows).Select(row => (int)scene.Uses(image, row))];
            for (int truth = 0; truth < scene.Counts[image]; truth++)
            {
                double[] box = [.. scene.Boxes[image][(4 * truth)..((4 * truth) + 4)].Select(v => (double)v)];
                double Distance(int row) => kinds[row] == 2 ? 1e16 : Math.Pow(anchors[4 * row] + anchors[(4 * row) + 2] - box[0] - box[2], 2)
                    + Math.Pow(anchors[(4 * row) + 1] + anchors[(4 * row) + 3] - box[1] - box[3], 2);
                int[] rows = [.. Enumerable.Range(0, scene.Maps.Length).SelectMany(level =>
                    Enumerable.Range(starts[level], starts[level + 1] - starts[level]).Where(row => kinds[row] != 0).OrderBy(Distance).Take(nearest))];
                double[] overlaps = [.. rows.Select(row => Overlap(anchors.AsSpan(4 * row, 4), box))];
                double mean = overlaps.DefaultIfEmpty(0).Average(), threshold = mean + Math.Sqrt(overlaps.Sum(o => (o - mean) * (o - mean)) / (rows.Length - 1));
                for (int c = 0; c < rows.Length; c++)
                {
                    double x = (anchors[4 * rows[c]] + anchors[(4 * rows[c]) + 2]) / 2, y = (anchors[(4 * rows[c]) + 1] + anchors[(4 * rows[c]) + 3]) / 2;
                    int place = (image * scene.Rows) + rows[c];
                    if (overlaps[c] >= threshold && Math.Min(Math.Min(x - box[0], y - box[1]), Math.Min(box[2] - x, box[3] - y)) > 0.01 && overlaps[c] > best[place])
                    {
                        (best[place], index[place]) = (overlaps[c], truth);
                    }
                }
            }
        }

        return index;
    }

    private static double Overlap(ReadOnlySpan<double> a, double[] b)
    {
        double inter = Math.Max(0, Math.Min(a[2], b[2]) - Math.Max(a[0], b[0])) * Math.Max(0, Math.Min(a[3], b[3]) - Math.Max(a[1], b[1]));
        return inter / Math.Max(1e-6, ((a[2] - a[0]) * (a[3] - a[1])) + ((b[2] - b[0]) * (b[3] - b[1])) - inter);
    }
}
