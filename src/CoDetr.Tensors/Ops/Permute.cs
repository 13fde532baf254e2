namespace CoDetr.Tensors;

/// <summary>Another order of the axes. Storage is contiguous, so this moves elements: one kernel for nearly all orders.</summary>
public static class PermuteOp
{
    private const int Tile = 32;
    private static readonly Kernel Rows = new("copy.cu", "copy_permute_rows");
    private static readonly Kernel RowsBytes = new("copy.cu", "copy_permute_rows_bytes");
    private static readonly Kernel Tiles = new("copy.cu", "copy_permute_tiles");
    private static readonly Kernel TilesBytes = new("copy.cu", "copy_permute_tiles_bytes");

    extension(Tensor x)
    {
        /// <summary>Axis <c>i</c> of the result is axis <c>axes[i]</c> of this one. A view if only axes of size 1 move.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Permute(params ReadOnlySpan<int> axes)
        {
            int[] order = axes.ToArray();
            Check.That(
                order.Order().SequenceEqual(Enumerable.Range(0, x.Shape.Length)), $"[{string.Join(", ", order)}] is no order of the axes of {x.Shape}.");
            Tensor y = Reordered(x, order);
            int[] back = new int[order.Length];
            for (int i = 0; i < order.Length; i++)
            {
                back[order[i]] = i;
            }

            return y == x ? x : GradNode.Record(nameof(Permute), y, [x], dy => [Reordered(dy, back)]);
        }

        /// <summary>Exchanges two axes.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Transpose(int a, int b)
        {
            int[] order = [.. Enumerable.Range(0, x.Shape.Length)];
            (a, b) = (x.Shape.Axis(a), x.Shape.Axis(b));
            (order[a], order[b]) = (b, a);
            return x.Permute(order);
        }
    }

    private static Tensor Reordered(Tensor x, int[] order)
    {
        if (order.SequenceEqual(Enumerable.Range(0, order.Length)))
        {
            return x;
        }

        Shape shape = Shape.Create([.. order.Select(axis => x.Shape[axis])]);
        List<Axis> axes = Merged(x.Shape, order);
        if (x.Count == 0 || (axes.Count <= 1 && (axes.Count == 0 || axes[0].From == 1)))
        {
            return x.View(0, shape);
        }

        bool keepsLast = axes[^1].From == 1;
        if (axes.Count > (keepsLast ? 5 : 4))
        {
            return OneByOne(x, order);
        }

        Tensor y = Tensor.Empty(shape, x.DType, x.Device);
        if (keepsLast)
        {
            LaunchRows(y, x, axes);
        }
        else
        {
            LaunchTiles(y, x, axes);
        }

        return y;
    }

    /// <summary>The result's axes with their strides in the source and in the result; those of size 1 left out, neighbours that stay neighbours merged.</summary>
    private static List<Axis> Merged(Shape shape, int[] order)
    {
        List<Axis> axes = [];
        foreach (int axis in order)
        {
            Axis next = new(shape[axis], shape.CountOf(axis + 1, shape.Length), 0);
            if (next.Size == 1)
            {
                continue;
            }

            if (axes.Count > 0 && axes[^1].From == next.Size * next.From)
            {
                axes[^1] = new Axis(axes[^1].Size * next.Size, next.From, 0);
            }
            else
            {
                axes.Add(next);
            }
        }

        long stride = 1;
        for (int i = axes.Count - 1; i >= 0; i--)
        {
            axes[i] = axes[i] with { To = stride };
            stride *= axes[i].Size;
        }

        return axes;
    }

    /// <summary>Orders that no kernel does at once: each axis is brought to its place in turn.</summary>
    private static Tensor OneByOne(Tensor x, int[] order)
    {
        List<int> present = [.. Enumerable.Range(0, order.Length)];
        for (int place = 0; place < order.Length; place++)
        {
            int at = present.IndexOf(order[place]);
            int[] step = [.. Enumerable.Range(0, place), at, .. Enumerable.Range(place, order.Length - place).Where(i => i != at)];
            x = Reordered(x, step);
            present.RemoveAt(at);
            present.Insert(place, order[place]);
        }

        return x;
    }

    private static void LaunchRows(Tensor y, Tensor x, List<Axis> axes)
    {
        int inner = checked((int)axes[^1].Size);
        Axis[] outer = [.. Enumerable.Repeat(new Axis(1, 0, 0), 5 - axes.Count), .. axes.Take(axes.Count - 1)];
        Work work = Work.Teams(y.Count / inner, Math.Min(inner, 256), cost: inner);
        y.Device.Launch(
            y.DType == DType.U8 ? RowsBytes : Rows, work, CopyOp.AsFloats(y), CopyOp.AsFloats(x), outer[0].Size, outer[1].Size, outer[2].Size, outer[3].Size,
            outer[0].From, outer[1].From, outer[2].From, outer[3].From, inner);
    }

    private static void LaunchTiles(Tensor y, Tensor x, List<Axis> axes)
    {
        Axis last = axes[^1], fast = axes.Single(axis => axis.From == 1);
        Axis[] rest = [.. axes.Where(axis => axis != last && axis != fast)];
        rest = [.. Enumerable.Repeat(new Axis(1, 0, 0), 2 - rest.Length), .. rest];
        long tiles = (last.Size + Tile - 1) / Tile * ((fast.Size + Tile - 1) / Tile);
        Work work = Work.Teams(rest[0].Size * rest[1].Size * tiles, Tile, Tile * (Tile + 1) * sizeof(double), Tile * Tile);
        y.Device.Launch(
            y.DType == DType.U8 ? TilesBytes : Tiles, work, CopyOp.AsFloats(y), CopyOp.AsFloats(x), rest[0].Size, rest[1].Size, last.Size, fast.Size,
            rest[0].From, rest[1].From, last.From, rest[0].To, rest[1].To, fast.To, Tile);
    }

    /// <summary>One axis of the result: its size, and its strides in the source and in the result.</summary>
    private readonly record struct Axis(long Size, long From, long To);
}
