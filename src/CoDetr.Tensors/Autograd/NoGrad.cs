namespace CoDetr.Tensors;

/// <summary>A stretch of code whose ops are not recorded: <c>using (NoGrad.Begin()) { … }</c>.</summary>
public sealed class NoGrad : IDisposable
{
    [ThreadStatic]
    private static int depth;

    private readonly int before;
    private bool ended;

    private NoGrad(int inside)
    {
        before = depth;
        depth = inside;
    }

    internal static bool IsOn => depth > 0;

    /// <summary>Starts the stretch.</summary>
    public static NoGrad Begin() => new(depth + 1);

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        if (!ended)
        {
            ended = true;
            depth = before;
        }
    }

    /// <summary>Starts a stretch that is recorded although the code around it is not.</summary>
    internal static NoGrad Lift() => new(0);
}
