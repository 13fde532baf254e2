using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class PositiveQueriesTests
{
    private const int Rows = 500;

    /// <summary>Positives and negatives of each picture, and the queries that are wanted.</summary>
    public static TheoryData<int[], int[], int> Cases => new()
    {
        { [3, 0, 12], [400, 500, 30], 12 },  // some lack, one has none, one is full
        { [40, 9, 300], [100, 2, 200], 9 },  // more than wanted; as many as wanted
        { [2, 0, 1], [3, 2, 0], 20 },        // negatives repeat; there are none
        { [0, 0, 0], [0, 0, 0], 9 },         // nothing at all
        { [500, 1, 1], [0, 499, 1], 300 },
        { [7, 1, 0], [493, 4, 2], 600 },     // more queries than candidates
    };

    [Theory, MemberData(nameof(Cases))]
    public void AgreesWithThePlainMethod(int[] positives, int[] negatives, int length)
    {
        (int[] index, float[] boxes, float[] numbers, float[] others) = Candidates(positives, negatives);
        foreach (bool fills in new[] { true, false })
        {
            int[] expected = [.. Enumerable.Range(0, 3).SelectMany(b => Plain(index[(b * Rows)..((b + 1) * Rows)], numbers, others, b, length, fills))];
            float[] found = AssignmentScene.ForAnyWorkers(device =>
            {
                (Tensor queries, Tensor fate, Tensor source) = Tensor.From(index, [3, Rows], device).PositiveQueries(
                    length, Tensor.From(boxes, [3, Rows, 4], device), Tensor.From([100f, 200, 300, 50, 128, 128], [3, 2], device), 4,
                    Tensor.From(numbers, [3, Rows], device), fills ? Tensor.From(others, [3, Rows], device) : null);
                return fate.ToArray<int>().Select(k => (float)k).Concat(source.ToArray<int>().Select(k => (float)k)).Concat(queries.ToArray()).ToArray();
            });
            int all = 3 * length;
            Assert.Equal(expected.Select((row, i) => row < 0 ? -2f : index[(i / length * Rows) + row]), found[..all]);
            Assert.Equal(expected.Select(row => row < 0 ? -1f : row / 4), found[all..(2 * all)]);
            Assert.Equal(
                expected.SelectMany((row, i) => row < 0 ? new float[4] : Unit(boxes.AsSpan(((i / length * Rows) + row) * 4, 4), i / length)), found[(2 * all)..]);
        }

        Assert.Equal([positives.Max()], AssignmentScene.ForAnyWorkers(device => Tensor.From(index, [3, Rows], device).MostPositives().ToArray<int>()));
    }

    [Fact]
    public void PriorsOutsideThePictureAreBoxesOfZeros()
    {
        int[] index = [2, -1, -2, -2, 0, -1];
        float[] found = AssignmentScene.ForAnyWorkers(device =>
        {
            (Tensor boxes, Tensor fate) = Tensor.From(index, [2, 3], device).PriorCandidates(
                Tensor.From([1f, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [3, 4], device), Tensor.From<byte>([1, 1, 0, 0, 1, 2], [2, 3], device));
            return fate.ToArray<int>().Select(k => (float)k).Concat(boxes.ToArray()).ToArray();
        });
        Assert.Equal([2, -1, -1, -1, 0, -1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 5, 6, 7, 8, 9, 10, 11, 12], found);
    }

    [Fact]
    public void NamesTheWrongArgument()
    {
        Tensor index = Tensor.Zeros([2, 5], DType.I32), boxes = Tensor.Zeros([2, 5, 4]), sizes = Tensor.Zeros([2, 2]);
        Assert.Equal(
            "PositiveQueries: positives must be [batch, rows] = [2, 5], got [2, 4].",
            Assert.Throws<ShapeException>(() => index.PositiveQueries(9, boxes, sizes, 1, Tensor.Zeros([2, 4]), null)).Message);
        Assert.Equal("MostPositives: index must be I32, got F32.", Assert.Throws<ShapeException>(() => sizes.MostPositives()).Message);
    }

    private static (int[] Index, float[] Boxes, float[] Numbers, float[] Others) Candidates(int[] positives, int[] negatives)
    {
        Random random = new(positives.Sum() + 1);
        int[] index = [.. positives.Zip(negatives).SelectMany(count =>
        {
            int[] fates = [.. Enumerable.Range(0, Rows).Select(i => i < count.First ? i % 5 : i < count.First + count.Second ? -1 : -2)];
            random.Shuffle(fates);
            return fates;
        })];
        float[] Some(int n, int kinds) => [.. Enumerable.Range(0, n).Select(_ => random.Next(kinds) / (float)kinds)];
        return (index, Some(3 * Rows * 4, 1000), Some(3 * Rows, 200), Some(3 * Rows, 200)); // many equal numbers
    }

    private static IEnumerable<int> Plain(int[] index, float[] numbers, float[] others, int image, int length, bool fills)
    {
        int[] positives = [.. Enumerable.Range(0, Rows).Where(row => index[row] >= 0)], negatives = [.. Enumerable.Range(0, Rows).Where(row => index[row] == -1)];
        int[] Drawn(int[] pool, float[] by) => [.. Enumerable.Range(0, pool.Length).OrderBy(rank => by[(image * Rows) + rank]).Select(rank => pool[rank])];
        if (positives.Length > length)
        {
            return Drawn(positives, numbers).Take(length);
        }

        int[] rest = Drawn(negatives, others);
        return positives.Concat(Enumerable.Range(0, length - positives.Length).Select(j => fills && rest.Length > 0 ? rest[j % rest.Length] : -1));
    }

    private static float[] Unit(ReadOnlySpan<float> box, int image)
    {
        (float h, float w) = ((float, float))(image == 0 ? (100, 200) : image == 1 ? (300, 50) : (128, 128));
        (float x1, float y1, float x2, float y2) = (box[0] / w, box[1] / h, box[2] / w, box[3] / h);
        return [(x1 + x2) * 0.5f, (y1 + y2) * 0.5f, x2 - x1, y2 - y1];
    }
}
