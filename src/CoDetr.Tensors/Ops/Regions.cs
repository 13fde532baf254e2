namespace CoDetr.Tensors;

/// <summary>What heads that pool regions do to boxes before and after. No gradient.</summary>
public static class RegionsOp
{
    private static readonly Kernel Empty = new("region.cu", "region_unless_empty");
    private static readonly Kernel First = new("region.cu", "region_keep_first");

    extension(Tensor x)
    {
        /// <summary>The scores, and -∞ for boxes without area.</summary>
        /// <param name="boxes">Corners: <c>f32[..., 4]</c>, this tensor's shape and 4.</param>
        /// <returns><c>f32[...]</c></returns>
        public Tensor UnlessEmpty(Tensor boxes)
        {
            Check.Shape(boxes, [.. x.Shape, 4], sizes: "[..., 4]");
            Tensor y = x.Like();
            x.Device.Launch(Empty, Work.Elements(x.Count, 4), y, x, boxes, x.Count);
            return y;
        }

        /// <summary>
        /// Of each picture's assignment, <c>i32[batch, rows]</c>, as many rows as the picture with the fewest has; what lies beyond counts nowhere (-2).
        /// </summary>
        /// <param name="counts">Rows of each picture: <c>i32[batch]</c>.</param>
        /// <param name="most">No more than these.</param>
        /// <returns><c>i32[batch, rows]</c></returns>
        public Tensor KeepFirst(Tensor counts, int most)
        {
            Check.Rank(x, 2);
            Check.Type(x, DType.I32);
            Check.Type(counts, DType.I32);
            (int batch, int rows) = (x.Shape[0], x.Shape[1]);
            Check.Shape(counts, [batch]);
            Tensor y = x.Like();
            x.Device.Launch(First, Work.Elements(x.Count, 4), y, x, counts, batch, rows, most);
            return y;
        }
    }
}
