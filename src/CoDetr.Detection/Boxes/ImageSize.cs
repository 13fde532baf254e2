namespace CoDetr.Detection;

/// <summary>Rows and columns of a picture or a map.</summary>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
public readonly record struct ImageSize(int Height, int Width);
