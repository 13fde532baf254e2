namespace CoDetr.Tensors;

/// <summary>Choosing by a mask, u8: not 0 is chosen.</summary>
public static class SelectOp
{
    private static readonly Kernel Select = new("broadcast.cu", "broadcast_select");

    extension(Tensor x)
    {
        /// <summary>The elements, and <paramref name="value"/> where the mask (broadcast) is set; no gradient flows there.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor MaskedFill(Tensor mask, float value)
        {
            Check.Type(mask, DType.U8);
            Broadcast meet = Met(x.Shape, ref mask, nameof(MaskedFill));
            Tensor y = x.Like();
            Launch(meet, y, mask, null, x, value);
            return GradNode.Record(nameof(MaskedFill), y, [x], dy =>
            {
                Tensor dx = x.Like();
                Launch(meet, dx, mask, null, dy, 0f);
                return [dx];
            });
        }
    }

    extension(Tensor)
    {
        /// <summary><paramref name="a"/> where the mask is set, else <paramref name="b"/>; all three broadcast.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor Where(Tensor mask, Tensor a, Tensor b)
        {
            Check.Type(mask, DType.U8);
            Check.That(a.DType == b.DType && a.DType.IsFloat, $"a and b must hold floating-point numbers of one type, got {a} and {b}.");
            Shape shape = new Broadcast(new Broadcast(a.Shape, b.Shape, nameof(Where)).Shape, mask.Shape, nameof(Where)).Shape;
            (a, b) = (a.BroadcastTo(shape), b.BroadcastTo(shape));
            Broadcast meet = Met(shape, ref mask, nameof(Where));
            Tensor y = a.Like();
            Launch(meet, y, mask, a, b, 0f);
            return GradNode.Record(nameof(Where), y, [a, b], dy =>
            {
                Tensor? da = a.RequiresGrad ? a.Like() : null, db = b.RequiresGrad ? b.Like() : null;
                if (da is not null)
                {
                    Launch(meet, da, mask, dy, null, 0f);
                }

                if (db is not null)
                {
                    Launch(meet, db, mask, null, dy, 0f);
                }

                return [da, db];
            });
        }
    }

    /// <summary>How the mask lies over a shape; it is spread first where more than three dimensions would be needed.</summary>
    private static Broadcast Met(Shape shape, ref Tensor mask, string op)
    {
        Broadcast meet = new(shape, mask.Shape, op);
        Check.That(meet.Shape == shape, $"mask {mask.Shape} does not broadcast to {shape}.", op);
        if (!meet.IsSimple)
        {
            mask = mask.BroadcastTo(shape);
            meet = new(shape, shape, op);
        }

        return meet;
    }

    private static void Launch(Broadcast meet, Tensor y, Tensor mask, Tensor? a, Tensor? b, float value)
    {
        Strides strides = meet.StridesB;
        y.Device.Launch(
            Select, Broadcast.WorkOf(meet.Outer * meet.Count, meet.Inner), y, mask, a, b, meet.Outer, meet.Count, meet.Inner, Broadcast.ChunkOf(meet.Inner),
            strides.Outer, strides.Count, strides.Inner, value);
    }
}
