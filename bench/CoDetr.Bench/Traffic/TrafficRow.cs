using System.Globalization;
using CoDetr.SoftGpu;

namespace CoDetr.Bench;

/// <summary>What one kernel cost within one bench, as a row of the table.</summary>
internal sealed record TrafficRow(string Bench, string Pass, KernelCounters Counters)
{
    private const int SectorBytes = 32;

    internal const string Header = "| bench | pass | kernel | launches | sectors read | written | bytes used of each sector | lane instructions | bank conflicts | divergent branches | atomics |\n"
        + "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|";

    internal long Sectors => Counters.ReadSectors + Counters.WrittenSectors;

    internal string Line => string.Create(
        CultureInfo.InvariantCulture,
        $"| {Bench} | {Pass} | {Counters.Kernel} | {Counters.Launches} | {Counters.ReadSectors} | {Counters.WrittenSectors} | {Used} | {Counters.Instructions} | {Counters.SharedConflicts} | {Counters.DivergentBranches} of {Counters.Branches} | {Counters.Atomics} |");

    /// <summary>32 where every sector that is fetched is wanted as a whole; more where lanes want the same bytes.</summary>
    private string Used => Sectors == 0 ? "" : ((double)(Counters.ReadBytes + Counters.WrittenBytes) / Sectors).ToString("F1", CultureInfo.InvariantCulture);

    /// <summary>Sectors of this many bytes, each fetched once.</summary>
    internal static long SectorsOf(long bytes) => (bytes + SectorBytes - 1) / SectorBytes;
}
