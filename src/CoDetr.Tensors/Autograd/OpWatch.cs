namespace CoDetr.Tensors;

/// <summary>
/// Shows every op's output when it has been computed, and every gradient that an op's backward returns, in order. Off but for the search for the first
/// number that is not finite.
/// </summary>
internal sealed class OpWatch : IDisposable
{
    [ThreadStatic]
    private static Action<string, bool, Tensor>? current;

    private OpWatch()
    {
    }

    /// <summary>Gets the op's name, whether it is a gradient, and the tensor.</summary>
    internal static Action<string, bool, Tensor>? Current => current;

    internal static OpWatch Begin(Action<string, bool, Tensor> seen)
    {
        current = seen;
        return new OpWatch();
    }

    public void Dispose() => current = null;
}
