namespace CoDetr.Tensors;

/// <summary>A pair of numbers of pixels, one for each axis of a map. One number stands for both: <c>Stride = 2</c>.</summary>
public readonly record struct Spatial(int Height, int Width)
{
    /// <summary>The same number for both axes.</summary>
    public static implicit operator Spatial(int both) => new(both, both);

    /// <summary>(height, width)</summary>
    public static implicit operator Spatial((int Height, int Width) pair) => new(pair.Height, pair.Width);
}
