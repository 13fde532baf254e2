using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class AssignmentsTests
{
    private const int Most = 3;
    private const int Classes = 7;

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    [InlineData(2500)] // more than a team takes
    public void TargetsAndTotals(int rows)
    {
        Random random = new(rows);
        int[] index = [.. Enumerable.Range(0, 3 * rows).Select(i => i / rows == 2 ? -2 : random.Next(-2, Most))]; // all of the last picture is ignored
        int[] labels = [.. Enumerable.Range(0, 3 * Most).Select(_ => random.Next(Classes))];
        float[] boxes = [.. Enumerable.Range(0, 3 * Most * 4).Select(_ => random.NextSingle() * 50)];
        int[] Truth(int i) => index[i] < 0 ? [] : [(i / rows * Most) + index[i]];
        double Count(int picture, Func<int, bool> isCounted) => index[(picture * rows)..((picture + 1) * rows)].Count(isCounted);
        float[] totals =
        [
            (float)Enumerable.Range(0, 3).Sum(p => Count(p, k => k >= 0)),
            (float)Enumerable.Range(0, 3).Sum(p => Math.Max(Count(p, k => k >= 0), 1)),
            (float)Enumerable.Range(0, 3).Sum(p => Math.Max(Count(p, k => k >= 0), 1) + Math.Max(Count(p, k => k == -1), 1)),
        ];
        foreach (int workers in new[] { 1, 2, 3, 7 })
        {
            using DeviceUnderTest device = new(workers);
            using StepScope scope = StepScope.Begin();
            var found = Tensor.From(index, [3, rows], device).AssignmentTargets(
                Tensor.From(boxes, [3, Most, 4], device), Tensor.From(labels, [3, Most], device), Classes);
            Assert.Equal(index.Select((k, i) => k >= 0 ? labels[Truth(i)[0]] : k == -1 ? Classes : -1), found.Labels.ToArray<int>());
            Assert.Equal(index.SelectMany((k, i) => k >= 0 ? boxes[(4 * Truth(i)[0])..((4 * Truth(i)[0]) + 4)] : new float[4]), found.Boxes.ToArray());
            Assert.Equal(index.Select(k => k >= 0 ? 1f : 0), found.Positive.ToArray());
            Assert.Equal(totals, found.Totals.ToArray());
        }
    }

    [Fact]
    public void NamesTheWrongArgument() => Assert.Equal(
        "AssignmentTargets: truthLabels must be [batch, most] = [2, 3], got [1, 3].",
        Assert.Throws<ShapeException>(
            () => Tensor.Zeros([2, 5], DType.I32).AssignmentTargets(Tensor.Zeros([2, 3, 4]), Tensor.Zeros([1, 3], DType.I32), 4)).Message);
}
