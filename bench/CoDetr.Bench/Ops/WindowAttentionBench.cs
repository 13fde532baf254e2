using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>A map of tokens and the windows in which they attend, shifted by half; 32 channels a head.</summary>
public sealed record WindowsSize(int Height, int Width, int Heads, int Window)
{
    internal int Windows => ((Height + Window - 1) / Window) * ((Width + Window - 1) / Window);

    /// <inheritdoc/>
    public override string ToString() => $"{Height}×{Width}, {Heads}×32, windows of {Window}";
}

/// <summary>The first and the third stage of Swin-T at 480×640 and of Swin-L at 800×1333; projections are left out.</summary>
public class WindowAttentionBench : OpBench<WindowsSize>
{
    internal override WindowsSize[] Tiny => [new(5, 7, 2, 4)];

    internal override WindowsSize[] Counted => [new(21, 28, 3, 7)];

    internal override WindowsSize[] Real => [new(120, 160, 3, 7), new(30, 40, 12, 7), new(200, 334, 6, 12), new(50, 84, 24, 12)];

    internal override double Operations => 4.0 * Size.Windows * Size.Heads * 32 * Math.Pow(Size.Window, 4);

    internal override Tensor[] Inputs() =>
    [
        Uniform(1, Size.Height, Size.Width, 96 * Size.Heads), Uniform(96 * Size.Heads), Uniform(((2 * Size.Window) - 1) * ((2 * Size.Window) - 1), Size.Heads),
    ];

    internal override Tensor Run(Tensor[] t) => t[0].WindowAttention(t[1], t[2], Size.Window, Size.Window / 2);
}
