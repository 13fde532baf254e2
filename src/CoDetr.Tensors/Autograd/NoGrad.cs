namespace CoDetr.Tensors;

/// <summary>A stretch of code whose ops are not recorded: <c>using (NoGrad.Begin()) { … }</c>.</summary>
public sealed class NoGrad : IDisposable
{
    [ThreadStatic]
    private static int depth;

    private bool ended;

    private NoGrad() => depth++;

    internal static bool IsOn => depth > 0;

    /// <summary>Starts the stretch.</summary>
    public static NoGrad Begin() => new();

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        if (!ended)
        {
            ended = true;
            depth--;
        }
    }
}
