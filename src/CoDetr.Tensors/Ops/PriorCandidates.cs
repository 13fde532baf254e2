namespace CoDetr.Tensors;

/// <summary>Priors with their fate, each picture's own.</summary>
public static class PriorCandidatesOp
{
    private static readonly Kernel Kernel = new("prior_candidates.cu", "prior_candidates");

    extension(Tensor priors)
    {
        /// <summary>
        /// The priors <c>f32[rows, 4]</c> once for each picture. One that is not valid keeps its place as a box of zeros that is background.
        /// </summary>
        /// <param name="assigned">An object from 0, or a negative number: <c>i32[batch, rows]</c>.</param>
        /// <param name="valid"><c>u8[batch, rows]</c>; null if all are.</param>
        /// <returns>Boxes <c>f32[batch, rows, 4]</c> and fates <c>i32[batch, rows]</c>.</returns>
        public (Tensor Boxes, Tensor Index) PriorCandidates(Tensor assigned, Tensor? valid)
        {
            Check.Type(assigned, DType.I32);
            Check.Rank(assigned, 2);
            (int batch, int rows) = (assigned.Shape[0], assigned.Shape[1]);
            Check.Shape(priors, [rows, 4]);
            Check.That(valid is null || (valid.DType == DType.U8 && valid.Shape == assigned.Shape), $"valid must be U8[{batch}, {rows}], got {valid}.");
            Tensor boxes = priors.New(batch, rows, 4), index = assigned.Like();
            priors.Device.Launch(Kernel, Work.Elements(index.Count, 8), boxes, index, priors, assigned, valid, index.Count, (long)rows);
            return (boxes, index);
        }
    }
}
