namespace CoDetr.Tensors;

/// <summary>What a kernel's work is made of. The op says this; the device turns it into a launch shape.</summary>
/// <param name="Items">Elements or teams.</param>
/// <param name="Lanes">Lanes that a team can use; 0 for elements.</param>
/// <param name="ScratchBytes">What the kernel's <c>TEAM_SCRATCH</c> words take together, each rounded up to 8.</param>
/// <param name="Cost">Rough operations of one item; tiny launches are not spread over workers.</param>
public readonly record struct Work(long Items, int Lanes, int ScratchBytes, long Cost)
{
    /// <summary>One item per element.</summary>
    public static Work Elements(long count, long cost = 1) => new(count, 0, 0, cost);

    /// <summary>One item per team of up to <paramref name="lanes"/> lanes.</summary>
    public static Work Teams(long count, int lanes, int scratchBytes = 0, long cost = 0) => new(count, lanes, scratchBytes, cost > 0 ? cost : lanes);

    /// <summary>
    /// One team per row that is gone over more than once: as many lanes as hold the row in registers, eight elements each (<c>FOR_HELD</c> in <c>kernel.h</c>).
    /// </summary>
    public static Work Rows(long count, int length, long cost = 0) => Teams(count, length <= 256 ? 32 : Math.Min(length, 256), cost: cost > 0 ? cost : length);
}
