using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Probabilistic anchor assignment (spec/losses-and-assignment.md §5.6).</summary>
internal static class PaaAssigner
{
    /// <summary>Keeps of each object's anchors those whose losses belong to the better of two normal distributions; the other positives become negatives.</summary>
    /// <param name="first">By overlap.</param>
    /// <param name="losses">Of each anchor towards its object, <c>f32[batch, rows]</c>; those of anchors that are not positive do not matter.</param>
    /// <param name="levels">The maps that the anchors lie on.</param>
    /// <param name="perToken">Anchors of each cell.</param>
    /// <param name="truth">What the pictures show.</param>
    /// <param name="topK">Candidates of each object and level.</param>
    internal static Assignment Assign(Assignment first, Tensor losses, FeatureLevels levels, int perToken, Truth truth, int topK = 9)
    {
        using Stage stage = Stage.Of("assignment");
        return new Assignment(first.Index.AssignPaa(losses.Detach(), levels, perToken, truth.Counts, truth.Labels.Shape[1], topK));
    }
}
