using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Boxes that were sampled for a head that pools regions: positives first, then background, each in the order of their places.</summary>
/// <param name="Boxes">Corners in pixels, zeros beyond the count: <c>f32[batch, most, 4]</c>.</param>
/// <param name="Assignment">Their objects; ignored beyond the count.</param>
/// <param name="Counts"><c>i32[batch]</c></param>
internal sealed record SampledBoxes(Tensor Boxes, Assignment Assignment, Tensor Counts);

/// <summary>A random sample of each picture's predictions with a bounded share of positives (spec/losses-and-assignment.md §5.2).</summary>
internal static class RandomSampler
{
    /// <summary>Sets what was not sampled to ignored.</summary>
    /// <param name="assignment">Of all predictions.</param>
    /// <param name="count">Predictions to sample of each picture; background fills what positives leave.</param>
    /// <param name="positiveShare">Most of them that are positive.</param>
    /// <param name="draws">Of the consumers "positives" and "negatives", <c>f32[batch, rows]</c> each: the r-th number is that of a pool's r-th member.</param>
    /// <param name="negativesPerPositive">Most of the background for each positive that is kept; negative: any number.</param>
    internal static Assignment Sample(Assignment assignment, int count, float positiveShare, Draws draws, float negativesPerPositive = -1)
    {
        using Stage stage = Stage.Of("assignment");
        Shape shape = assignment.Index.Shape;
        Tensor positives = draws.Uniform("positives", shape), negatives = draws.Uniform("negatives", shape);
        return new Assignment(assignment.Index.SampleRandom(positives, negatives, count, (int)(count * positiveShare), negativesPerPositive));
    }

    /// <summary>Samples among the objects of each picture, which answer for themselves, and its proposals, in this order.</summary>
    /// <param name="proposals">Corners in pixels: <c>f32[batch, boxes, 4]</c>.</param>
    /// <param name="counts"><c>i32[batch]</c>: proposals of each picture.</param>
    /// <param name="assignment">Of the proposals, <c>i32[batch, boxes]</c>.</param>
    /// <param name="truth">What the pictures show.</param>
    /// <param name="count">Boxes to sample of each picture.</param>
    /// <param name="positiveShare">Most of them that are positive.</param>
    /// <param name="draws">As for <see cref="Sample"/>; rows are objects (padded) and proposals.</param>
    /// <param name="negativesPerPositive">As for <see cref="Sample"/>.</param>
    internal static SampledBoxes Gather(
        Tensor proposals, Tensor counts, Assignment assignment, Truth truth, int count, float positiveShare, Draws draws, float negativesPerPositive = -1)
    {
        using Stage stage = Stage.Of("assignment");
        (Tensor boxes, Tensor index) = proposals.PrependTruth(counts, assignment.Index, truth.Boxes, truth.Counts);
        Assignment sampled = Sample(new Assignment(index), count, positiveShare, draws, negativesPerPositive);
        (Tensor together, Tensor own, Tensor found) = sampled.Index.GatherSampled(boxes, Math.Min(count, boxes.Shape[1]));
        return new SampledBoxes(together, new Assignment(own), found);
    }
}
