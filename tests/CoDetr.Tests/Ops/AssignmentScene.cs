using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

/// <summary>Pictures, maps and truths of every awkward kind; one square prior of eight strides on each cell's corner.</summary>
internal sealed record AssignmentScene(string Name, (int Height, int Width)[] Maps, float[][] Boxes)
{
    /// <summary>Pixels per cell of the finest map; each further one has twice as many.</summary>
    internal const int FirstStride = 8;

    /// <summary>Which priors exist.</summary>
    internal Func<int, int, byte> Uses { get; init; } = (_, _) => 1;

    internal static AssignmentScene[] All =>
    [
        new("many truths, none, few", [(16, 16), (8, 8), (4, 4)], [Random(30, 1), [], Random(4, 2)]),
        new("one picture, one truth", [(9, 7), (5, 4), (3, 2), (1, 1)], [[12.5f, 3, 60, 41]]),
        new("no truth at all", [(4, 4), (2, 2)], [[], []]),
        new("one pixel, over the border, the whole picture, outside", [(16, 16), (8, 8)],
            [[40, 40, 41, 41, -30, 50, 20, 200, 0, 0, 128, 128, 300, 300, 340, 350, 60, 60, 60, 60]]),
        new("identical truths", [(16, 16), (8, 8), (4, 4)], [[20, 20, 90, 84, 20, 20, 90, 84, 20, 20, 90, 84], [40, 40, 72, 72, 40, 40, 72, 72]]),
        new("one cell", [(1, 1)], [[-20, -20, 20, 20], [0, 0, 7, 7]]),
        new("fewer priors than candidates", [(2, 2), (1, 1)], [[-10, -10, 30, 26, 0, 0, 9, 9]]),
        new("long levels", [(60, 70), (30, 35)], [Random(7, 3), Random(2, 4)]),
        new("no prior at all", [(4, 4), (2, 2)], [Random(3, 5)]) { Uses = (_, _) => 0 },
        new("holes and ignored regions", [(16, 16), (8, 8), (4, 4)], [Random(9, 6), Random(5, 7)])
        { Uses = (image, row) => (byte)(((row * 7) + (image * 3)) % 11 % 3) },
        new("few priors of each level", [(16, 16), (8, 8), (4, 4)], [Random(6, 8)])
        { Uses = (_, row) => (byte)(row % 53 == 0 ? 1 : row % 59 == 0 ? 2 : 0) },
    ];

    internal int Batch => Boxes.Length;

    internal int Most => Math.Max(1, Boxes.Max(b => b.Length / 4));

    internal int Rows => Maps.Sum(m => m.Height * m.Width);

    internal int[] Counts => [.. Boxes.Select(b => b.Length / 4)];

    /// <summary>The first row of each level, and the number of rows.</summary>
    internal int[] Starts => [.. Enumerable.Range(0, Maps.Length + 1).Select(l => Maps.Take(l).Sum(m => m.Height * m.Width))];

    internal float[] Anchors => [.. Maps.SelectMany((map, level) => Enumerable.Range(0, map.Height * map.Width).SelectMany(cell =>
    {
        float stride = FirstStride << level, x = cell % map.Width * stride, y = cell / map.Width * stride;
        return new[] { x - (4 * stride), y - (4 * stride), x + (4 * stride), y + (4 * stride) };
    }))];

    internal byte[] Use => [.. Enumerable.Range(0, Batch * Rows).Select(i => Uses(i / Rows, i % Rows))];

    public override string ToString() => Name;

    internal FeatureLevels Levels(Device device) => new(Maps, device);

    internal Tensor PaddedBoxes(Device device) => Tensor.From(
        [.. Boxes.SelectMany(b => b.Concat(Enumerable.Repeat(float.NaN, (4 * Most) - b.Length)))], [Batch, Most, 4], device);

    /// <summary>Runs it on one device after another: 1, 2, 3 and 7 workers must agree in every number.</summary>
    internal static T[] ForAnyWorkers<T>(Func<Device, T[]> run)
    {
        T[]? first = null;
        foreach (int workers in new[] { 1, 2, 3, 7 })
        {
            using DeviceUnderTest device = new(workers);
            using StepScope scope = StepScope.Begin();
            T[] result = run(device);
            Assert.Equal(first ?? result, result);
            first = result;
        }

        return first!;
    }

    private static float[] Random(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).SelectMany(_ =>
        {
            (float x, float y) = (random.NextSingle() * 110, random.NextSingle() * 110);
            return new[] { x, y, x + 3 + (random.NextSingle() * 90), y + 3 + (random.NextSingle() * 90) };
        })];
    }
}
