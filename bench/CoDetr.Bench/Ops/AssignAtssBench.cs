using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Priors of a pyramid and the objects of a batch of pictures.</summary>
public sealed record AssignSize(int Height, int Width, int FirstStride, int Levels, int Images, int Truths)
{
    /// <summary>Of one training step.</summary>
    internal static AssignSize[] Real => [new(800, 1333, 8, 5, 2, 20), new(800, 1333, 8, 5, 2, 100), new(800, 1333, 4, 6, 2, 100)];

    internal (int Height, int Width)[] Maps => [.. Enumerable.Range(0, Levels).Select(level =>
    {
        int stride = FirstStride << level;
        return ((Height + stride - 1) / stride, (Width + stride - 1) / stride);
    })];

    internal int Rows => Maps.Sum(map => map.Height * map.Width);

    /// <summary>One square of eight strides on the corner of each cell.</summary>
    internal float[] Anchors => [.. Maps.SelectMany((map, level) => Enumerable.Range(0, map.Height * map.Width).SelectMany(cell =>
    {
        float stride = FirstStride << level, x = cell % map.Width * stride, y = cell / map.Width * stride;
        return new[] { x - (4 * stride), y - (4 * stride), x + (4 * stride), y + (4 * stride) };
    }))];

    /// <inheritdoc/>
    public override string ToString() => $"{Images} × {Rows} × {Truths}";

    /// <summary>Boxes of many sizes; every picture is full.</summary>
    internal Tensor[] Truth(Func<float> next)
    {
        float[] boxes = new float[Images * Truths * 4];
        for (int i = 0; i < boxes.Length; i += 4)
        {
            float side = 10 * MathF.Pow(50, next());
            (boxes[i], boxes[i + 1]) = (next() * (Width - side), next() * (Height - side));
            (boxes[i + 2], boxes[i + 3]) = (boxes[i] + side, boxes[i + 1] + (side * (0.5f + next())));
        }

        return [Tensor.From(boxes, [Images, Truths, 4]), Tensor.From(Enumerable.Repeat(Truths, Images).ToArray())];
    }
}

/// <summary>Adaptive training sample selection of a training step.</summary>
public class AssignAtssBench : SizedBench<AssignSize>
{
    private FeatureLevels levels = null!;

    internal override AssignSize[] Tiny => [new(60, 90, 8, 3, 2, 5)];

    internal override AssignSize[] Real => AssignSize.Real;

    internal override Tensor[] Inputs()
    {
        levels = new FeatureLevels(Size.Maps);
        return [Tensor.From(Size.Anchors, [Size.Rows, 4]), Make([Size.Images, Size.Rows], () => (byte)1), .. Size.Truth(Next)];
    }

    internal override Tensor Run(Tensor[] t) => t[0].AssignAtss(levels, 1, t[1], t[2], t[3]);
}
