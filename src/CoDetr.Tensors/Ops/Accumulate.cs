namespace CoDetr.Tensors;

/// <summary>Adding in place, filling: the writes that are not ops and have no gradient.</summary>
public static class AccumulateOp
{
    private static readonly Kernel Add = new("accumulate.cu", "accumulate_add");
    private static readonly Kernel Set = new("accumulate.cu", "accumulate_fill");

    extension(Tensor y)
    {
        /// <summary>Adds <paramref name="x"/>, elementwise, into this tensor. Not differentiated.</summary>
        /// <param name="x"><c>real[...]</c>, as many elements.</param>
        public void AddInPlace(Tensor x)
        {
            Check.That(x.Count == y.Count, $"cannot add {x.Shape} into {y.Shape}.");
            y.Device.Launch(Add, Work.Elements(y.Count), y, x, y.Count);
        }

        /// <summary>Sets every element. Not differentiated.</summary>
        /// <param name="value">What each becomes.</param>
        /// <returns>This tensor, <c>real[...]</c>.</returns>
        public Tensor Fill(float value)
        {
            y.Device.Launch(Set, Work.Elements(y.Count), y, value, y.Count);
            return y;
        }
    }
}
