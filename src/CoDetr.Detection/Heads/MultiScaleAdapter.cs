using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>
/// A pyramid for auxiliary heads from the one map of a single-scale detector, whose cells are 32 pixels wide: strides 8 to 128 by bilinear enlarging and
/// convolutions, the map itself in their middle (paper, §3.2; spec/model.md §8). The decoder goes on with the map alone.
/// </summary>
internal sealed class MultiScaleAdapter : Module
{
    /// <summary>Maps of the pyramid.</summary>
    internal const int Levels = 5;

    private const int Finer = 2, Coarser = 2;
    private readonly LevelConv[] up;
    private readonly LevelConv[] down;

    internal MultiScaleAdapter(int width)
    {
        up = AddList("up", Finer, _ => new LevelConv(width, stride: 1));
        down = AddList("down", Coarser, _ => new LevelConv(width, stride: 2));
    }

    /// <param name="map"><c>real[batch, height, width, channels]</c></param>
    /// <returns>Finest first: four and two times as large, the map, half and a quarter.</returns>
    internal Tensor[] Forward(Tensor map)
    {
        List<Tensor> maps = [.. up.Select((conv, i) => conv.Forward(Enlarged(map, 1 << (Finer - i)))), map];
        foreach (LevelConv conv in down)
        {
            maps.Add(conv.Forward(maps[^1]));
        }

        return [.. maps];
    }

    private static Tensor Enlarged(Tensor map, int factor) => map.Interpolate((factor * map.Shape[1], factor * map.Shape[2]));
}

/// <summary>A 3×3 convolution and its group norm, between levels of a pyramid.</summary>
internal sealed class LevelConv : Module
{
    private readonly Conv2d conv;
    private readonly GroupNorm norm;

    internal LevelConv(int width, int stride)
    {
        conv = Add("0", new Conv2d(width, width, 3, stride, hasBias: true));
        norm = Add("1", new GroupNorm(width));
    }

    internal Tensor Forward(Tensor x) => norm.Forward(conv.Forward(x));
}
