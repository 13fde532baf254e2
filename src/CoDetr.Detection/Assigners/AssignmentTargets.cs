using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>What the losses of an assignment compare with, and what they are averaged over; all on the device.</summary>
/// <param name="Labels"><c>i32[batch, rows]</c>: classes; as many as there are classes for background, -1 for what is ignored.</param>
/// <param name="Boxes">The object's corners for positives, else zeros: <c>f32[batch, rows, 4]</c>.</param>
/// <param name="Positive"><c>f32[batch, rows]</c>: 1 for positives, else 0.</param>
/// <param name="Positives"><c>f32[1]</c>: how many there are.</param>
/// <param name="PositivesAtLeastOne"><c>f32[1]</c>: the sum over pictures of max(positives, 1).</param>
/// <param name="Samples"><c>f32[1]</c>: the sum over pictures of max(positives, 1) + max(negatives, 1).</param>
internal sealed record AssignmentTargets(Tensor Labels, Tensor Boxes, Tensor Positive, Tensor Positives, Tensor PositivesAtLeastOne, Tensor Samples)
{
    /// <summary>The targets of an assignment.</summary>
    /// <param name="assignment">The object of each prediction.</param>
    /// <param name="truth">What the pictures show.</param>
    /// <param name="classes">Foreground classes.</param>
    internal static AssignmentTargets Of(Assignment assignment, Truth truth, int classes)
    {
        (Tensor labels, Tensor boxes, Tensor positive, Tensor totals) = assignment.Index.AssignmentTargets(truth.Boxes, truth.Labels, classes);
        return new AssignmentTargets(labels, boxes, positive, totals.Slice(0, 0, 1), totals.Slice(0, 1, 1), totals.Slice(0, 2, 1));
    }
}
