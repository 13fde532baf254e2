using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Extra decoder queries of one auxiliary head: its positives, filled up with negatives (spec/collaborative-training.md §6.2).</summary>
/// <param name="Boxes">Unit boxes (cx, cy, w, h): <c>f32[batch, queries, 4]</c>, no gradient.</param>
/// <param name="Assignment">The object of each query, <c>i32[batch, queries]</c>; ignored: it fills a gap and counts nowhere.</param>
/// <param name="Features">With gradient, <c>real[batch, queries, channels]</c>.</param>
internal sealed record PositiveQueries(Tensor Boxes, Assignment Assignment, Tensor Features);
