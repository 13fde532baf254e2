using System.Diagnostics;

namespace CoDetr.Tensors;

/// <summary>
/// Which part of a model is at work, forward and, by the ops that it recorded, backward: for tables of where a step's time goes. Off but while a
/// <see cref="StageClock"/> runs; what a device does later than the host launched it is not seen, so it measures on the CPU.
/// </summary>
public readonly struct Stage : IDisposable
{
    private readonly StageClock? clock;
    private readonly string? before;

    private Stage(StageClock? clock, string? name)
    {
        this.clock = clock;
        before = clock?.Enter(name);
    }

    /// <summary>The part at work until this is disposed.</summary>
    public static Stage Of(string? name) => new(StageClock.Current, name);

    /// <summary>Back to the part before.</summary>
    public void Dispose() => clock?.Enter(before);
}

/// <summary>Adds up the time of each part of a model on this thread.</summary>
public sealed class StageClock : IDisposable
{
    [ThreadStatic]
    private static StageClock? current;

    private readonly Dictionary<string, TimeSpan> times = [];
    private string? stage;
    private long since = Stopwatch.GetTimestamp();

    /// <summary>Begins to measure.</summary>
    public StageClock() => current = this;

    /// <summary>Time of each part so far; what belongs to none is under "other".</summary>
    public IReadOnlyDictionary<string, TimeSpan> Times
    {
        get
        {
            Enter(stage);
            return times;
        }
    }

    internal static StageClock? Current => current;

    /// <summary>The part at work, if anyone measures.</summary>
    internal static string? CurrentName => current?.stage;

    /// <summary>Ends measuring.</summary>
    public void Dispose() => current = null;

    internal string? Enter(string? name)
    {
        long now = Stopwatch.GetTimestamp();
        string key = stage ?? "other";
        times[key] = times.GetValueOrDefault(key) + Stopwatch.GetElapsedTime(since, now);
        (string? before, stage, since) = (stage, name, now);
        return before;
    }
}
