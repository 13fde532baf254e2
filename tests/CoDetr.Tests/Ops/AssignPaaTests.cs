using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class AssignPaaTests
{
    public static TheoryData<string> Scenes => [.. AssignmentScene.All.Select(scene => scene.Name)];

    [Theory, MemberData(nameof(Scenes))]
    public void AgreesWithThePlainMethod(string name)
    {
        AssignmentScene scene = AssignmentScene.All.Single(s => s.Name == name);
        int[] first = First(scene);
        float[] losses = Losses(first.Length, 3);
        foreach (int least in new[] { 9, 1, 2 })
        {
            Assert.Equal(Plain(scene, first, losses, least), Assigned(scene, first, losses, least));
        }
    }

    [Fact]
    public void EqualLossesAndNumbersThatAreNoneDoNoHarm()
    {
        AssignmentScene scene = AssignmentScene.All[0];
        int[] first = First(scene);
        float[] same = [.. first.Select(_ => 2.5f)], none = [.. first.Select((_, i) => i % 3 == 0 ? float.NaN : i % 3 == 1 ? float.PositiveInfinity : i)];
        Assert.Equal(Plain(scene, first, same, 9), Assigned(scene, first, same, 9));
        float[] finite = [.. none.Select(v => float.IsFinite(v) ? v : -1)]; // what has no finite loss is no candidate
        Assert.Equal(Plain(scene, [.. first.Select((k, i) => finite[i] < 0 ? Math.Min(k, -1) : k)], finite, 9), Assigned(scene, first, none, 9));
    }

    [Fact]
    public void AMixtureFindsBothGroups()
    {
        Random random = new(4);
        float[] values = [.. Enumerable.Range(0, 60).Select(i => (i < 40 ? 1f : 4f) + ((random.NextSingle() - 0.5f) * 0.6f)), .. new float[60]];
        int[] sizes = [60, 1];
        using StepScope scope = StepScope.Begin();
        (Tensor component, Tensor density, Tensor mixture) = Tensor.From(values, [2, 60]).FitMixture(Tensor.From(sizes));
        Assert.Equal(Enumerable.Range(0, 60).Select(i => i < 40 ? 0 : 1), component.Slice(0, 0, 1).ToArray<int>());
        double[] numbers = mixture.Slice(0, 0, 1).ToArray<double>(), densities = density.Slice(0, 0, 1).ToArray<double>();
        (double[] means, double[] variances, double[] weights, double[] expected) = Fitted([.. values[..60].Select(v => (double)v)]);
        Assert.Equal([.. means, .. variances, .. weights], numbers, (a, b) => Math.Abs(a - b) < 1e-9);
        Assert.Equal(expected, densities, (a, b) => Math.Abs(a - b) < 1e-9);
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "AssignPaa: losses must be [batch, rows] = [2, 20], got [2, 5].",
        Assert.Throws<ShapeException>(() => Tensor.Zeros([2, 20], DType.I32).AssignPaa(
            Tensor.Zeros([2, 5]), new FeatureLevels([(4, 4), (2, 2)]), 1, Tensor.Zeros([2], DType.I32), 3)).Message);

    /// <summary>A first assignment that gives most anchors to some truth.</summary>
    private static int[] First(AssignmentScene scene) => [.. scene.Use.Select((use, i) =>
    {
        int count = scene.Counts[i / scene.Rows], k = count == 0 ? -1 : ((i * 31) % (count + 2)) - 2;
        return use == 1 ? Math.Max(k, -1) : -2;
    })];

    private static float[] Losses(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() < 0.4f ? 0.5f : 2f) + random.NextSingle())];
    }

    private static int[] Assigned(AssignmentScene scene, int[] first, float[] losses, int least) => AssignmentScene.ForAnyWorkers(device =>
        Tensor.From(first, [scene.Batch, scene.Rows], device).AssignPaa(
            Tensor.From(losses, [scene.Batch, scene.Rows], device), scene.Levels(device), 1, Tensor.From(scene.Counts, [scene.Batch], device), scene.Most,
            least).ToArray<int>());

    internal static int[] Plain(AssignmentScene scene, int[] first, float[] losses, int least)
    {
        int[] index = [.. first.Select(k => Math.Min(k, -1))], starts = scene.Starts;
        for (int image = 0; image < scene.Batch; image++)
        {
            for (int truth = 0; truth < scene.Counts[image]; truth++)
            {
                int[] rows = [.. Enumerable.Range(0, scene.Maps.Length).SelectMany(level =>
                    Enumerable.Range((image * scene.Rows) + starts[level], starts[level + 1] - starts[level])
                        .Where(row => first[row] == truth).OrderBy(row => losses[row]).Take(least)).OrderBy(row => losses[row])];
                if (rows.Length >= 2)
                {
                    double[] values = [.. rows.Select(row => (double)losses[row])];
                    (double[] means, double[] variances, double[] weights, double[] density) = Fitted(values);
                    bool[] isFirst = [.. values.Select(x => Part(x, means[0], variances[0], weights[0]) >= Part(x, means[1], variances[1], weights[1]))];
                    int last = Enumerable.Range(0, rows.Length).Where(i => isFirst[i]).OrderByDescending(i => density[i]).FirstOrDefault(-1);
                    for (int i = 0; i <= last; i++)
                    {
                        index[rows[i]] = isFirst[i] ? truth : index[rows[i]];
                    }
                }
            }
        }

        return index;
    }

    private static double Part(double x, double mean, double variance, double weight) =>
        Math.Log(weight) - (0.5 * (Math.Log(2 * Math.PI) + Math.Log(variance) + ((x - mean) * (x - mean) / variance)));

    /// <summary>Spec/losses-and-assignment.md §5.6, 3.</summary>
    private static (double[] Means, double[] Variances, double[] Weights, double[] Density) Fitted(double[] x)
    {
        double[] means = [x.Min(), x.Max()], variances = [1, 1], weights = [0.5, 0.5], density = [];
        double before = double.NegativeInfinity;
        bool isLast = false;
        for (int round = 1; ; round++)
        {
            double[][] parts = [.. Enumerable.Range(0, 2).Select(k => x.Select(v => Part(v, means[k], variances[k], weights[k])).ToArray())];
            density = [.. parts[0].Zip(parts[1], (a, b) => Math.Max(a, b) + Math.Log(1 + Math.Exp(-Math.Abs(a - b))))];
            if (isLast)
            {
                return (means, variances, weights, density);
            }

            double likelihood = density.Average();
            double[][] shares = [.. parts.Select(part => part.Zip(density, (p, d) => Math.Exp(p - d)).ToArray())];
            double[] totals = [.. shares.Select(s => s.Sum() + (10 * 2.220446049250313e-16))];
            means = [.. shares.Select((s, k) => s.Zip(x, (r, v) => r * v).Sum() / totals[k])];
            variances = [.. shares.Select((s, k) => (s.Zip(x, (r, v) => r * v * v).Sum() / totals[k]) - (means[k] * means[k]) + 1e-6)];
            weights = [.. totals.Select(t => t / totals.Sum())];
            isLast = Math.Abs(likelihood - before) < 1e-3 || round == 100;
            before = likelihood;
        }
    }
}
