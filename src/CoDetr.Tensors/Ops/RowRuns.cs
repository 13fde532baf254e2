namespace CoDetr.Tensors;

/// <summary>Sums over rows are taken run by run, each run by one team, and then joined in order: the same bits for any number of workers.</summary>
internal static class RowRuns
{
    private const int Most = 64;
    private const int ElementsOfRun = 8192; // below this a run costs more than it saves

    /// <summary>Into how many runs the rows of a matrix are cut; depends on its size only.</summary>
    internal static int Of(long rows, int channels) => (int)Math.Clamp(rows * channels / ElementsOfRun, 1, Math.Clamp(rows, 1, Most));
}
