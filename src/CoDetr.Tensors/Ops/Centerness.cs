namespace CoDetr.Tensors;

/// <summary>How central priors lie in what they are positive for.</summary>
public static class CenternessOp
{
    private static readonly Kernel Targets = new("centerness.cu", "centerness_targets");

    extension(Tensor priors)
    {
        /// <summary>The centre-ness of each prior's middle in its target; 0 where it is not positive. No gradient.</summary>
        /// <param name="targets">Corners, <c>f32[batch, rows, 4]</c>; the priors are <c>f32[rows, 4]</c>.</param>
        /// <param name="positive">1 where a prior is positive, else 0: <c>f32[batch, rows]</c>.</param>
        /// <returns><c>f32[batch, rows]</c></returns>
        public Tensor CenternessTargets(Tensor targets, Tensor positive)
        {
            Check.Rank(targets, 3);
            (int batch, int rows) = (targets.Shape[0], targets.Shape[1]);
            Check.Shape(priors, [rows, 4]);
            Check.Shape(targets, [batch, rows, 4]);
            Check.Shape(positive, [batch, rows]);
            Tensor y = positive.Like();
            priors.Device.Launch(Targets, Work.Elements(y.Count, 16), y, priors, targets, positive, y.Count, (long)rows);
            return y;
        }
    }
}
