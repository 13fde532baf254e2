namespace CoDetr.Tensors;

/// <summary>
/// Owns every storage that is allocated on this thread while it is the innermost scope, and returns all of them when it ends,
/// except what was kept. A training step is one scope; so is one prediction.
/// </summary>
public sealed class StepScope : IDisposable
{
    [ThreadStatic]
    private static StepScope? current;

    private readonly StepScope? outer;
    private readonly List<Storage>? storages;
    private bool ended;

    private StepScope(List<Storage>? storages)
    {
        outer = current;
        this.storages = storages;
        current = this;
    }

    internal static StepScope? Current => current;

    /// <summary>How many storages were allocated here so far: a mark in time that backward uses.</summary>
    internal int Mark => storages?.Count ?? 0;

    /// <summary>The mark at which the last op was recorded.</summary>
    internal int RecordedMark { get; set; }

    /// <summary>Opens a scope; dispose it to end it.</summary>
    public static StepScope Begin() => new([]);

    /// <summary>Opens a stretch whose allocations belong to nobody: parameters and optimiser state made within a step.</summary>
    public static StepScope Persistent() => new(null);

    /// <summary>
    /// Runs a part of a model; where nothing is recorded, everything that it allocated but its result is returned at once, so that inference holds one
    /// layer's activations, not all.
    /// </summary>
    public static Tensor Contain(Func<Tensor> part)
    {
        if (!NoGrad.IsOn)
        {
            return part();
        }

        using StepScope inner = Begin();
        return inner.HandOver(part());
    }

    /// <summary>Hands the tensor's storage to the enclosing scope (or to nobody), so that it outlives this one and backward.</summary>
    public Tensor Keep(Tensor tensor)
    {
        tensor.Storage.IsKept = true;
        return HandOver(tensor);
    }

    /// <summary>Hands the tensor's storage to the enclosing scope; backward may still free it there.</summary>
    internal Tensor HandOver(Tensor tensor)
    {
        Storage storage = tensor.Storage;
        if (storage.Owner == this)
        {
            storage.Owner = outer;
            outer?.storages?.Add(storage);
        }

        return tensor;
    }

    /// <summary>Returns the storages.</summary>
    public void Dispose()
    {
        if (ended)
        {
            return;
        }

        ended = true;
        if (current != this)
        {
            throw new InvalidOperationException("Step scopes end in the reverse order of their beginnings, on the thread that began them.");
        }

        current = outer;
        foreach (Storage storage in storages ?? [])
        {
            if (storage.Owner == this)
            {
                storage.Free();
            }
        }
    }

    internal static void Track(Storage storage)
    {
        storage.Owner = current;
        current?.storages?.Add(storage);
    }

    /// <summary>Frees what was allocated between two marks, unless a gradient lies there or it is kept.</summary>
    internal void FreeBetween(int begin, int end)
    {
        for (int i = begin; i < Math.Min(end, Mark); i++)
        {
            Storage storage = storages![i];
            if (storage.Owner == this && storage.Holders == 0 && !storage.IsKept)
            {
                storage.Free();
            }
        }
    }
}
