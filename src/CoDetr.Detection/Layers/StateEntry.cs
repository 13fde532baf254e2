using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>One array of the official checkpoint.</summary>
/// <param name="Name">Its dotted name.</param>
/// <param name="DType">How the official file stores it.</param>
/// <param name="Shape">Its shape there.</param>
/// <param name="Parameter">Where its numbers lie; null for what follows from the configuration or is of no use here: it is listed, and neither kept nor asked for.</param>
public sealed record StateEntry(string Name, DType DType, Shape Shape, Parameter? Parameter);
