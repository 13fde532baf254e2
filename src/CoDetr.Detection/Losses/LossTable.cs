using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>The named losses of one step, weights included, and their sum.</summary>
/// <param name="Names">The reference's names, for example <c>d0.loss_bbox</c>.</param>
/// <param name="Values"><c>f32[losses]</c>, one number for each name.</param>
/// <param name="Total"><c>f32[]</c>: what is differentiated.</param>
public sealed record LossTable(IReadOnlyList<string> Names, Tensor Values, Tensor Total);
