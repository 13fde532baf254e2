using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>A loss or a gradient is NaN or infinite. The message names the step, the images and the first op.</summary>
public sealed class NonFiniteException : RunException
{
    /// <summary>Makes the exception from its one line.</summary>
    public NonFiniteException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an empty exception.</summary>
    public NonFiniteException()
    {
    }

    /// <summary>Makes the exception with its cause.</summary>
    public NonFiniteException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>Repeats a computation and looks at every op's result: slow, and only done when a step has failed.</summary>
internal static class NonFinite
{
    /// <summary>The first op that made a NaN; if there is none, the first that made an infinite number; null if all is finite.</summary>
    /// <param name="repeat">Computes the losses and walks backward.</param>
    /// <returns>For example <c>backward of LayerNorm, F32[2, 900, 256]: 3 of 460800 numbers are NaN</c>.</returns>
    internal static string? FirstOp(Action repeat)
    {
        string? firstNaN = null, firstInfinite = null;
        using (OpWatch.Begin((op, isGradient, tensor) =>
        {
            if (firstNaN is null && tensor.DType is DType.F32 or DType.F16 or DType.BF16)
            {
                float[] values = tensor.ToArray();
                Note(ref firstNaN, "NaN", values.Count(float.IsNaN));
                Note(ref firstInfinite, "infinite", values.Count(float.IsInfinity));
            }

            void Note(ref string? first, string what, int count)
            {
                if (count > 0)
                {
                    first ??= $"{(isGradient ? "backward" : "forward")} of {op}, {tensor}: {count} of {tensor.Count} numbers are {what}";
                }
            }
        }))
        {
            repeat();
        }

        return firstNaN ?? firstInfinite;
    }
}
