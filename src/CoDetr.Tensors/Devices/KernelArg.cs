namespace CoDetr.Tensors;

/// <summary>One launch argument: a tensor, a number, or a pointer that may be absent.</summary>
public readonly struct KernelArg
{
    private KernelArg(Tensor? tensor, long integer, double number, ArgKind kind) => (Tensor, Integer, Number, Kind) = (tensor, integer, number, kind);

    internal enum ArgKind
    {
        Tensor,
        None,
        Integer,
        Number,
    }

    /// <summary>A null pointer, for a parameter that the kernel tests.</summary>
    public static KernelArg None => new(null, 0, 0, ArgKind.None);

    internal Tensor? Tensor { get; }

    internal long Integer { get; }

    internal double Number { get; }

    internal ArgKind Kind { get; }

    /// <summary>A tensor, or <see cref="None"/>.</summary>
    public static implicit operator KernelArg(Tensor? tensor) => new(tensor, 0, 0, tensor is null ? ArgKind.None : ArgKind.Tensor);

    /// <summary>An integer.</summary>
    public static implicit operator KernelArg(int value) => new(null, value, value, ArgKind.Integer);

    /// <summary>A 64-bit integer.</summary>
    public static implicit operator KernelArg(long value) => new(null, value, value, ArgKind.Integer);

    /// <summary>A number.</summary>
    public static implicit operator KernelArg(float value) => new(null, 0, value, ArgKind.Number);

    /// <summary>A number.</summary>
    public static implicit operator KernelArg(double value) => new(null, 0, value, ArgKind.Number);
}
