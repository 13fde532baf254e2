namespace CoDetr.Tensors;

/// <summary>Queries that lie in groups, one behind the other, each with losses of its own; they may share one pass through a decoder.</summary>
public sealed class QueryGroups
{
    private static readonly Kernel Group = new("set_loss.cu", "set_loss_group");
    private readonly int[] sizes;
    private readonly int[] starts;

    /// <summary>Makes the table on the device, without an upload; it belongs to the current <see cref="StepScope"/>.</summary>
    /// <param name="sizes">Queries of each group.</param>
    /// <param name="device">Where the kernels that read it run.</param>
    public QueryGroups(IEnumerable<int> sizes, Device? device = null)
    {
        this.sizes = [.. sizes];
        Check.That(Count > 0 && Array.TrueForAll(this.sizes, size => size >= 0), "there must be groups, and none of a negative size.", nameof(QueryGroups));
        starts = new int[Count];
        Starts = Tensor.Empty([Count + 1], DType.I32, device);
        for (int i = 0; i < Count; i++)
        {
            starts[i] = Queries;
            Queries = checked(Queries + this.sizes[i]);
            Starts.Device.Launch(Group, Work.Elements(1), Starts, i, Queries);
        }
    }

    /// <summary>The number of groups.</summary>
    public int Count => sizes.Length;

    /// <summary>Queries of all groups.</summary>
    public int Queries { get; }

    /// <summary><c>i32[groups + 1]</c>: the first query of each group, then the number of queries.</summary>
    public Tensor Starts { get; }

    /// <summary>Queries of one group.</summary>
    public int this[int group] => sizes[group];

    /// <summary>The first query of one group.</summary>
    public int StartOf(int group) => starts[group];
}
