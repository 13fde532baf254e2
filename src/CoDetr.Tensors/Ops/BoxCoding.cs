using System.Numerics;

namespace CoDetr.Tensors;

/// <summary>How a box is written relative to a prior box: (dx, dy, dw, dh), less their means, over their deviations.</summary>
/// <param name="Stds">Deviations of the four.</param>
public readonly record struct DeltaCoding(Vector4 Stds)
{
    /// <summary>Means of the four.</summary>
    public Vector4 Means { get; init; }

    /// <summary>The farthest that a decoded centre moves, in pixels; 0 for no bound (then sides shrink to no less than 1/62.5).</summary>
    public float CenterClamp { get; init; }

    /// <summary>The deviations alone.</summary>
    public static implicit operator DeltaCoding((float X, float Y, float Width, float Height) stds) =>
        new(new Vector4(stds.X, stds.Y, stds.Width, stds.Height));
}

/// <summary>
/// Boxes, corners in pixels, written relative to priors, and back (spec/losses-and-assignment.md §7). Priors are the same for all pictures or each picture's
/// own; where there are several times as many rows as priors, each prior serves that many neighbouring rows (one for each class). Without a batch there is
/// one picture.
/// </summary>
public static class BoxCodingOp
{
    private const double EncodedMargin = 0.1; // a distance stays this far below its bound, as in the reference
    private static readonly Kernel DeltasForward = new("box_coding.cu", "box_coding_decode_deltas");
    private static readonly Kernel DeltasBackward = new("box_coding.cu", "box_coding_decode_deltas_backward");
    private static readonly Kernel DeltasInverse = new("box_coding.cu", "box_coding_encode_deltas");
    private static readonly Kernel DistancesForward = new("box_coding.cu", "box_coding_decode_distances");
    private static readonly Kernel DistancesBackward = new("box_coding.cu", "box_coding_decode_distances_backward");
    private static readonly Kernel DistancesInverse = new("box_coding.cu", "box_coding_encode_distances");

    extension(Tensor x)
    {
        /// <summary>The boxes that offsets from priors mean. Gradient for the offsets, <c>f32[batch, rows, 4]</c> or <c>f32[rows, 4]</c>.</summary>
        /// <param name="priors">Boxes <c>f32[boxes, 4]</c> or <c>f32[batch, boxes, 4]</c></param>
        /// <param name="coding">Means and deviations.</param>
        /// <param name="clip"><c>f32[batch, 2]</c>: height and width of the pictures that boxes end at; null: nowhere</param>
        /// <returns>The same shape.</returns>
        public Tensor DecodeDeltas(Tensor priors, DeltaCoding coding, Tensor? clip = null)
        {
            Layout at = LayoutOf(x, priors, 4, clip);
            (Vector4 m, Vector4 s) = (coding.Means, coding.Stds);
            Tensor y = x.Like();
            x.Device.Launch(
                DeltasForward, Work.Elements(x.Count / 4, 80), y, x, priors, clip, at.Batch, at.Rows, at.Repeat, at.PriorsOfPicture, m.X, m.Y, m.Z, m.W,
                s.X, s.Y, s.Z, s.W, coding.CenterClamp);
            return GradNode.Record(nameof(DecodeDeltas), y, [x], dy =>
            {
                Tensor dx = x.Like();
                x.Device.Launch(
                    DeltasBackward, Work.Elements(x.Count / 4, 80), dx, dy, x, priors, clip, at.Batch, at.Rows, at.Repeat, at.PriorsOfPicture, m.X, m.Y,
                    m.Z, m.W, s.X, s.Y, s.Z, s.W, coding.CenterClamp);
                return [dx];
            });
        }

        /// <summary>Offsets of boxes, <c>f32[batch, rows, 4]</c> or <c>f32[rows, 4]</c>, from priors; zeros where one has no area. No gradient.</summary>
        /// <param name="priors">Boxes <c>f32[boxes, 4]</c> or <c>f32[batch, boxes, 4]</c></param>
        /// <param name="coding">Means and deviations.</param>
        /// <returns>The same shape.</returns>
        public Tensor EncodeDeltas(Tensor priors, DeltaCoding coding)
        {
            Layout at = LayoutOf(x, priors, 4, null);
            (Vector4 m, Vector4 s) = (coding.Means, coding.Stds);
            Tensor y = x.Like();
            x.Device.Launch(
                DeltasInverse, Work.Elements(x.Count / 4, 80), y, x, priors, at.Batch, at.Rows, at.Repeat, at.PriorsOfPicture, m.X, m.Y, m.Z, m.W, s.X,
                s.Y, s.Z, s.W);
            return y;
        }

        /// <summary>Boxes of distances (left, top, right, bottom) from points. Gradient for these, <c>f32[batch, rows, 4]</c> or <c>f32[rows, 4]</c>.</summary>
        /// <param name="points"><c>f32[points, 2]</c> or <c>f32[batch, points, 2]</c>: (x, y)</param>
        /// <param name="clip"><c>f32[batch, 2]</c>: height and width of the pictures that boxes end at; null: nowhere</param>
        /// <returns>The same shape.</returns>
        public Tensor DecodeDistances(Tensor points, Tensor? clip = null)
        {
            Layout at = LayoutOf(x, points, 2, clip);
            Tensor y = x.Like();
            x.Device.Launch(DistancesForward, Work.Elements(x.Count / 4, 16), y, x, points, clip, at.Batch, at.Rows, at.Repeat, at.PriorsOfPicture);
            return GradNode.Record(nameof(DecodeDistances), y, [x], dy =>
            {
                Tensor dx = x.Like();
                x.Device.Launch(DistancesBackward, Work.Elements(x.Count / 4, 16), dx, dy, x, points, clip, at.Batch, at.Rows, at.Repeat, at.PriorsOfPicture);
                return [dx];
            });
        }

        /// <summary>Distances of the sides of boxes, <c>f32[batch, rows, 4]</c> or <c>f32[rows, 4]</c>, from points; negative outside. No gradient.</summary>
        /// <param name="points"><c>f32[points, 2]</c> or <c>f32[batch, points, 2]</c>: (x, y)</param>
        /// <param name="most">Distances are brought into [0, most - 0.1]; null: left as they are.</param>
        /// <returns>The same shape.</returns>
        public Tensor EncodeDistances(Tensor points, float? most = null)
        {
            Layout at = LayoutOf(x, points, 2, null);
            Tensor y = x.Like();
            (double least, double largest) = most is float bound ? (0, bound - EncodedMargin) : (double.NegativeInfinity, double.PositiveInfinity);
            x.Device.Launch(
                DistancesInverse, Work.Elements(x.Count / 4, 16), y, x, points, at.Batch, at.Rows, at.Repeat, at.PriorsOfPicture, least, largest);
            return y;
        }
    }

    private readonly record struct Layout(int Batch, int Rows, int Repeat, long PriorsOfPicture);

    private static Layout LayoutOf(Tensor x, Tensor priors, int numbers, Tensor? clip, [System.Runtime.CompilerServices.CallerMemberName] string op = "")
    {
        Check.That(x.Shape.Length is 2 or 3 && x.Shape[^1] == 4, $"rows are [rows, 4] or [batch, rows, 4], got {x.Shape}.", op);
        (int batch, int rows) = x.Shape.Length == 3 ? (x.Shape[0], x.Shape[1]) : (1, x.Shape[0]);
        bool own = priors.Shape.Length == 3;
        Check.That(
            priors.Shape.Length is 2 or 3 && priors.Shape[^1] == numbers && (!own || priors.Shape[0] == batch),
            $"priors must be [boxes, {numbers}] or [batch, boxes, {numbers}] with batch = {batch}, got {priors.Shape}.",
            op);
        int count = priors.Shape[^2];
        Check.That(count > 0 ? rows % count == 0 : rows == 0, $"{rows} rows do not divide among {count} priors.", op);
        if (clip is not null)
        {
            Check.Shape(clip, [batch, 2], op: op);
        }

        return new Layout(batch, rows, count > 0 ? rows / count : 1, own ? count : 0);
    }
}
