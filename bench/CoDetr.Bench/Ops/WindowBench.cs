using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>A map that is cut into windows.</summary>
public sealed record CutSize(int Height, int Width, int Channels, int Window)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Height}×{Width}×{Channels} into {Window}";
}

/// <summary>Values of ViT-L at 480×640 to windows; merging of patches; the patches of a picture.</summary>
public class WindowBench : OpBench<CutSize>
{
    internal override CutSize[] Tiny => [new(5, 7, 3, 4)];

    internal override CutSize[] Real => [new(30, 40, 1024, 24), new(120, 160, 96, 2), new(480, 640, 3, 4)];

    internal override long Bytes => sizeof(float) * (long)Size.Channels * ((Size.Height * Size.Width) + (Up(Size.Height) * Up(Size.Width)));

    internal override Tensor[] Inputs() => [Uniform(1, Size.Height, Size.Width, Size.Channels)];

    internal override Tensor Run(Tensor[] t) => t[0].WindowPartition(Size.Window);

    private int Up(int cells) => (cells + Size.Window - 1) / Size.Window * Size.Window;
}
