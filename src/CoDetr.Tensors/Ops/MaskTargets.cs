namespace CoDetr.Tensors;

/// <summary>What a mask head shall say.</summary>
public static class MaskTargetsOp
{
    private static readonly Kernel Kernel = new("mask_targets.cu", "mask_targets");

    extension(Tensor boxes)
    {
        /// <summary>
        /// The part of its object's mask that each box shows, in bins: 1 where at least half of a bin is object, else 0 (spec/losses-and-assignment.md §9).
        /// This tensor is corners in pixels, <c>f32[batch, boxes, 4]</c>; boxes are cut off at the picture.
        /// </summary>
        /// <param name="objects">The object of each box, or a negative number (then zeros): <c>i32[batch, boxes]</c>.</param>
        /// <param name="truth">The objects' boxes, <c>f32[batch, most, 4]</c>: what an object covers where there are no masks.</param>
        /// <param name="masks"><c>u8[batch, most, height, width]</c>, or null</param>
        /// <param name="sizes">Height and width of each picture: <c>f32[batch, 2]</c>.</param>
        /// <param name="side">Bins in a row and rows of bins.</param>
        /// <returns><c>f32[batch, boxes, bins, bins]</c></returns>
        public Tensor MaskTargets(Tensor objects, Tensor truth, Tensor? masks, Tensor sizes, int side)
        {
            Check.That(boxes.Shape.Length == 3 && boxes.Shape[2] == 4, $"boxes must be [batch, boxes, 4], got {boxes.Shape}.");
            (int batch, int count) = (boxes.Shape[0], boxes.Shape[1]);
            Check.Type(objects, DType.I32);
            Check.Shape(objects, [batch, count]);
            Check.That(
                truth.Shape.Length == 3 && truth.Shape[0] == batch && truth.Shape[2] == 4,
                $"truth must be [batch, most, 4] with batch = {batch}, got {truth.Shape}.");
            Check.Shape(sizes, [batch, 2]);
            int most = truth.Shape[1];
            Check.That(
                masks is null || (masks.DType == DType.U8 && masks.Shape.Length == 4 && masks.Shape[0] == batch && masks.Shape[1] == most),
                $"masks must be U8[batch, most, height, width] with batch = {batch} and most = {most}, got {masks}.");
            Tensor y = boxes.New(batch, count, side, side);
            boxes.Device.Launch(
                Kernel, Work.Teams((long)batch * count, side * side, cost: 100L * side * side), y, boxes, objects, truth, masks, sizes, batch, count, most,
                masks?.Shape[2] ?? 0, masks?.Shape[3] ?? 0, side);
            return y;
        }
    }
}
