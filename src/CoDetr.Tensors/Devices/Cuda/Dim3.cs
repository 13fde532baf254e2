namespace CoDetr.Tensors;

/// <summary>The sizes of a grid or a block.</summary>
internal readonly record struct Dim3(int X, int Y = 1, int Z = 1)
{
    internal int Count => X * Y * Z;

    public override string ToString() => Z > 1 ? $"{X}x{Y}x{Z}" : Y > 1 ? $"{X}x{Y}" : $"{X}";
}
