using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Adaptive training sample selection (spec/losses-and-assignment.md §5.3).</summary>
internal static class AtssAssigner
{
    /// <summary>The fate of each anchor.</summary>
    /// <param name="anchors">Of all levels, the same for every picture: corners, <c>f32[rows, 4]</c>.</param>
    /// <param name="levels">The maps that they lie on.</param>
    /// <param name="perToken">Anchors of each cell.</param>
    /// <param name="valid"><c>u8[batch, rows]</c>: 1 where an anchor lies within the picture, 2 where within an ignored region of it; others are ignored.</param>
    /// <param name="truth">What the pictures show.</param>
    /// <param name="topK">Candidates of each object and level.</param>
    internal static Assignment Assign(Tensor anchors, FeatureLevels levels, int perToken, Tensor valid, Truth truth, int topK = 9)
    {
        using Stage stage = Stage.Of("assignment");
        return new Assignment(anchors.AssignAtss(levels, perToken, valid, truth.Boxes, truth.Counts, topK));
    }
}
