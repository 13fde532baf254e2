using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Each prior answers for the object that it overlaps most (spec/losses-and-assignment.md §5.1).</summary>
internal sealed class MaxIouAssigner(MaxIouSettings settings)
{
    /// <summary>Assigns the boxes of a batch.</summary>
    /// <param name="boxes">Corners in pixels: <c>f32[rows, 4]</c> for all pictures, or <c>f32[batch, rows, 4]</c>.</param>
    /// <param name="valid"><c>u8[batch, rows]</c>: 0 for what is left out (ignored); null: nothing.</param>
    /// <param name="counts"><c>i32[batch]</c>: boxes of each picture, what lies beyond is ignored; null: all.</param>
    /// <param name="truth">What the pictures show.</param>
    /// <param name="regions">What is ignored of the pictures, where the settings have a threshold for it.</param>
    internal Assignment Assign(Tensor boxes, Tensor? valid, Tensor? counts, Truth truth, IgnoredRegions? regions = null)
    {
        using Stage stage = Stage.Of("assignment");
        return new Assignment(boxes.AssignIou(valid, counts, truth.Boxes, truth.Counts, settings, regions).Index);
    }
}
