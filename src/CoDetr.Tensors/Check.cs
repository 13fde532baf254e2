using System.Runtime.CompilerServices;

namespace CoDetr.Tensors;

/// <summary>A tensor of the wrong shape, type or device was handed to an op. The message names op, argument, expected and found.</summary>
public sealed class ShapeException : ArgumentException
{
    /// <summary>Makes the exception from its one line.</summary>
    public ShapeException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an empty exception.</summary>
    public ShapeException()
    {
    }

    /// <summary>Makes the exception with its cause.</summary>
    public ShapeException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>Checks at the door of an op. The words in a message are the names in the calling code.</summary>
public static class Check
{
    /// <summary>Requires an exact shape. Throws <see cref="ShapeException"/>: <c>LayerNorm: weight must be [channels] = [13], got [12].</c></summary>
    public static void Shape(
        Tensor tensor,
        Shape expected,
        [CallerArgumentExpression(nameof(tensor))] string name = "",
        [CallerArgumentExpression(nameof(expected))] string sizes = "",
        [CallerMemberName] string op = "")
    {
        if (tensor.Shape != expected)
        {
            string names = sizes.StartsWith('[') ? $"{sizes} = " : "";
            throw new ShapeException($"{op}: {name} must be {names}{expected}, got {tensor.Shape}.");
        }
    }

    /// <summary>Requires an element type.</summary>
    public static void Type(
        Tensor tensor, DType expected, [CallerArgumentExpression(nameof(tensor))] string name = "", [CallerMemberName] string op = "")
    {
        if (tensor.DType != expected)
        {
            throw new ShapeException($"{op}: {name} must be {expected}, got {tensor.DType}.");
        }
    }

    /// <summary>Requires a number of dimensions.</summary>
    public static void Rank(
        Tensor tensor, int expected, [CallerArgumentExpression(nameof(tensor))] string name = "", [CallerMemberName] string op = "")
    {
        if (tensor.Shape.Length != expected)
        {
            throw new ShapeException($"{op}: {name} must have {expected} dimensions, got {tensor.Shape}.");
        }
    }

    /// <summary>Requires a condition that has no more telling check.</summary>
    public static void That(bool condition, string message, [CallerMemberName] string op = "")
    {
        if (!condition)
        {
            throw new ShapeException($"{op}: {message}");
        }
    }
}
