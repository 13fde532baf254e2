using System.Runtime.CompilerServices;

namespace CoDetr.Tensors;

/// <summary>Ops that only put elements elsewhere, of any type: parts, joins, repetitions. Gradients flow through floating-point ones.</summary>
public static class CopyOp
{
    private const int Piece = 4096; // elements that one team copies
    private static readonly Kernel Run = new("copy.cu", "copy_run");
    private static readonly Kernel RunBytes = new("copy.cu", "copy_run_bytes");
    private static readonly Kernel RunAdd = new("copy.cu", "copy_run_add");
    private static readonly Kernel SpreadKernel = new("broadcast.cu", "broadcast_spread");
    private static readonly Kernel SpreadBytes = new("broadcast.cu", "broadcast_spread_bytes");

    extension(Tensor x)
    {
        /// <summary>The same elements under another shape: a view. One size may be -1: what is left.</summary>
        /// <returns><c>real[...]</c></returns>
        [OverloadResolutionPriority(1)]
        public Tensor Reshape(params ReadOnlySpan<int> sizes)
        {
            int[] filled = sizes.ToArray();
            int open = Array.IndexOf(filled, -1);
            if (open >= 0)
            {
                long others = 1;
                foreach (int size in filled)
                {
                    others *= size == -1 ? 1 : size;
                }

                filled[open] = others > 0 && x.Count % others == 0 ? (int)(x.Count / others) : 0;
            }

            return x.Reshape(Shape.Create(filled));
        }

        /// <summary>The same elements under another shape: a view.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Reshape(Shape shape)
        {
            Check.That(shape.Count == x.Count, $"{x.Shape} has {x.Count} elements, {shape} has {shape.Count}.");
            return shape == x.Shape ? x : GradNode.Record(nameof(Reshape), x.View(0, shape), [x], dy => [dy.View(0, x.Shape)]);
        }

        /// <summary>The places <paramref name="start"/> … <paramref name="start"/> + <paramref name="length"/> - 1 of one axis: a view where they lie together, else a copy.</summary>
        /// <returns><c>real[...]</c>, <paramref name="length"/> places of the axis</returns>
        public Tensor Slice(int axis, int start, int length)
        {
            axis = x.Shape.Axis(axis);
            Check.That(
                start >= 0 && length >= 0 && start + length <= x.Shape[axis], $"axis {axis} of {x.Shape} has no places {start} to {start + length - 1}.");
            (long outer, int count, long inner) = ReduceOp.ThreeAxes(x.Shape, axis);
            if (length == count)
            {
                return x;
            }

            Shape shape = x.Shape.With(axis, length);
            long offset = start * inner, run = length * inner;
            Tensor y = outer == 1 ? x.View(offset, shape) : Tensor.Empty(shape, x.DType, x.Device);
            if (outer != 1)
            {
                CopyRuns(y, x, outer, run, 0, run, offset, count * inner);
            }

            return GradNode.Record(nameof(Slice), y, [x], dy =>
            {
                if (x.RequiresGrad)
                {
                    Tensor dx = Backpropagation.GradBuffer(x);
                    x.Device.Launch(RunAdd, WorkOf(outer, run), dx, dy, outer, run, PieceOf(run), offset, count * inner, 0, run);
                }

                return [null];
            });
        }

        /// <summary>Repeats dimensions of size 1 (and missing ones in front) up to a shape, as numpy does.</summary>
        /// <returns><c>real[...]</c>, of that shape</returns>
        public Tensor BroadcastTo(Shape shape)
        {
            Check.That(shape.Length >= x.Shape.Length, $"{x.Shape} does not broadcast to {shape}.");
            Shape from = Broadcast.Aligned(x.Shape, shape.Length);
            Check.That(from.Zip(shape).All(pair => pair.First == pair.Second || pair.First == 1), $"{x.Shape} does not broadcast to {shape}.");
            Tensor y = x.Reshape(from);
            for (int end = shape.Length; end > 0; end--)
            {
                // One kernel for each run of neighbouring axes, the last first: what is copied most often is then the longest.
                int begin = end;
                while (begin > 0 && from[begin - 1] != shape[begin - 1])
                {
                    begin--;
                }

                if (begin < end)
                {
                    y = SpreadAxes(y, begin, end, shape);
                    end = begin + 1;
                }
            }

            return y;
        }

        /// <inheritdoc cref="BroadcastTo"/>
        public Tensor Expand(params ReadOnlySpan<int> sizes) => x.BroadcastTo(Shape.Create(sizes));
    }

    extension(Tensor)
    {
        /// <summary>Joins tensors along an axis that they have; the other sizes agree.</summary>
        /// <returns><c>real[...]</c>, the sum of the axis' sizes</returns>
        public static Tensor Concat(int axis, params ReadOnlySpan<Tensor> tensors)
        {
            Tensor[] parts = tensors.ToArray();
            Check.That(parts.Length > 0, "there is nothing to join.");
            Tensor first = parts[0];
            axis = first.Shape.Axis(axis);
            for (int i = 1; i < parts.Length; i++)
            {
                Check.That(
                    parts[i].DType == first.DType && parts[i].Shape.Length == first.Shape.Length && parts[i].Shape.With(axis, 0) == first.Shape.With(axis, 0),
                    $"tensor {i} is {parts[i]}, which does not join {first} along axis {axis}.");
            }

            if (parts.Length == 1)
            {
                return first;
            }

            (long outer, _, long inner) = ReduceOp.ThreeAxes(first.Shape, axis);
            int count = parts.Sum(part => part.Shape[axis]);
            Tensor y = Tensor.Empty(first.Shape.With(axis, count), first.DType, first.Device);
            long offset = 0;
            foreach (Tensor part in parts)
            {
                long run = part.Shape[axis] * inner;
                CopyRuns(y, part, outer, run, offset, count * inner, 0, run);
                offset += run;
            }

            return GradNode.Record(nameof(Concat), y, parts, dy =>
            {
                Tensor?[] gradients = new Tensor?[parts.Length];
                int start = 0;
                for (int i = 0; i < parts.Length; i++)
                {
                    gradients[i] = parts[i].RequiresGrad ? dy.Slice(axis, start, parts[i].Shape[axis]) : null;
                    start += parts[i].Shape[axis];
                }

                return gradients;
            });
        }

        /// <summary>Joins tensors of one shape along a new axis.</summary>
        /// <returns><c>real[...]</c>, one dimension more</returns>
        public static Tensor Stack(int axis, params ReadOnlySpan<Tensor> tensors)
        {
            Check.That(tensors.Length > 0, "there is nothing to join.");
            Shape shape = tensors[0].Shape;
            axis = axis < 0 ? axis + shape.Length + 1 : axis;
            Check.That(axis >= 0 && axis <= shape.Length, $"there is no place for a new axis {axis} in {shape}.");
            int[] sizes = [.. shape.Take(axis), 1, .. shape.Skip(axis)];
            Tensor[] parts = new Tensor[tensors.Length];
            for (int i = 0; i < parts.Length; i++)
            {
                Check.That(tensors[i].Shape == shape, $"tensor {i} has shape {tensors[i].Shape}, not {shape}.");
                parts[i] = tensors[i].Reshape(sizes);
            }

            return Concat(axis, parts);
        }
    }

    /// <summary><c>y[outer, count, inner]</c> = scale · <c>x[outer, inner]</c>.</summary>
    internal static void Spread(Tensor y, Tensor x, long outer, long count, long inner, double scale)
    {
        // A single value per row of `count` makes those rows the inner dimension.
        (long rows, long length, Strides strides) = inner == 1 ? (1, count, new Strides(1, 0, 0)) : (count, inner, new Strides(inner, 0, 1));
        int chunk = Broadcast.ChunkOf(length);
        Work work = Broadcast.WorkOf(outer * rows, length);
        if (y.DType == DType.U8)
        {
            y.Device.Launch(SpreadBytes, work, y, x, outer, rows, length, chunk, strides.Outer, strides.Count, strides.Inner);
        }
        else
        {
            y.Device.Launch(SpreadKernel, work, AsFloats(y), AsFloats(x), outer, rows, length, chunk, strides.Outer, strides.Count, strides.Inner, scale);
        }
    }

    /// <summary>Integers as floating-point numbers of their size, for kernels that only copy bits.</summary>
    internal static Tensor AsFloats(Tensor x) => x.DType switch
    {
        DType.I32 => new Tensor(x.Storage, x.Offset, x.Shape, DType.F32),
        DType.I64 => new Tensor(x.Storage, x.Offset, x.Shape, DType.F64),
        _ => x,
    };

    private static Tensor SpreadAxes(Tensor x, int begin, int end, Shape shape)
    {
        int[] sizes = [.. x.Shape.Take(begin), .. shape.Take(end).Skip(begin), .. x.Shape.Skip(end)];
        Tensor y = Tensor.Empty(Shape.Create(sizes), x.DType, x.Device);
        long outer = y.Shape.CountOf(0, begin), count = y.Shape.CountOf(begin, end), inner = y.Shape.CountOf(end, y.Shape.Length);
        Spread(y, x, outer, count, inner, 1);
        return GradNode.Record(nameof(BroadcastTo), y, [x], dy =>
        {
            Tensor dx = x.Like();
            ReduceOp.Sum(dx, dy, outer, count, inner, 1);
            return [dx];
        });
    }

    private static void CopyRuns(Tensor y, Tensor x, long outer, long run, long yOffset, long yStride, long xOffset, long xStride) => y.Device.Launch(
        y.DType == DType.U8 ? RunBytes : Run, WorkOf(outer, run), AsFloats(y), AsFloats(x), outer, run, PieceOf(run), yOffset, yStride, xOffset, xStride);

    private static int PieceOf(long run) => (int)Math.Clamp(run, 1, Piece);

    private static Work WorkOf(long outer, long run)
    {
        int piece = PieceOf(run);
        return Work.Teams(outer * ((run + piece - 1) / piece), Math.Min(piece, 256), cost: piece);
    }
}
