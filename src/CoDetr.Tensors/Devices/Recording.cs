namespace CoDetr.Tensors;

/// <summary>
/// Launches that were recorded once and are repeated in one call. What they allocated stays theirs until this is disposed: a repetition finds its tensors
/// where they were. Inputs are written into the same tensors before each repetition.
/// </summary>
internal abstract class Recording : IDisposable
{
    /// <summary>Runs everything that was recorded, after what was launched before.</summary>
    internal abstract void Launch();

    /// <summary>Lets its memory be used by others.</summary>
    public abstract void Dispose();
}
