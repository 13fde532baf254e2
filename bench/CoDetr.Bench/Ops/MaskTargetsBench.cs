using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>So many boxes on so many objects, pictures of this height and width.</summary>
public sealed record MaskTargetsSize(int Boxes, int Objects, int Height, int Width)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Boxes} on {Height}×{Width}";
}

/// <summary>The positives of a mask head, each up to a third of the picture.</summary>
public class MaskTargetsBench : SizedBench<MaskTargetsSize>
{
    internal override MaskTargetsSize[] Tiny => [new(4, 2, 20, 24)];

    internal override MaskTargetsSize[] Real => [new(128, 20, 480, 640), new(128, 20, 800, 1333)];

    internal override Tensor[] Inputs()
    {
        int i = 0;
        float[] corner = new float[2];
        Tensor boxes = Make([1, Size.Boxes, 4], () =>
        {
            int side = i++ % 4, extent = side % 2 == 0 ? Size.Width : Size.Height;
            return side < 2 ? corner[side] = Next() * extent * 2 / 3 : corner[side - 2] + ((0.1f + Next()) * extent / 4);
        });
        byte[] bits = [.. Enumerable.Range(0, Size.Objects * Size.Height * Size.Width).Select(p => (byte)(p / 97 % 2))];
        return
        [
            boxes, Tensor.From([.. Enumerable.Range(0, Size.Boxes).Select(b => b % Size.Objects)], [1, Size.Boxes]), Tensor.Zeros([1, Size.Objects, 4]),
            Tensor.From(bits, [1, Size.Objects, Size.Height, Size.Width]), Tensor.From([(float)Size.Height, Size.Width], [1, 2]),
        ];
    }

    internal override Tensor Run(Tensor[] t) => t[0].MaskTargets(t[1], t[2], t[3], t[4], 28);
}
