namespace CoDetr.Tensors;

/// <summary>
/// The few names that <c>torch.save</c> needs for weights, and what they stand for here: descriptions. Every other name is refused when it is mentioned,
/// before anything could be applied to it.
/// </summary>
internal sealed class TorchNames(long fileBytes) : IPickleNames
{
    private const int MostShown = 60;

    private enum Known
    {
        OrderedDict,
        RebuildTensor,
        RebuildParameter,
        Size,
    }

    /// <summary>Every storage that was mentioned, by its key.</summary>
    internal Dictionary<string, TorchStorage> Storages { get; } = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public object Find(string module, string name) => (module, name) switch
    {
        ("collections", "OrderedDict") => Known.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2" or "_rebuild_tensor") => Known.RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Known.RebuildParameter,
        ("torch", "Size") => Known.Size,
        ("torch", _) when TorchElement.All.FirstOrDefault(element => element.Name == name) is TorchElement known => known,
        _ => throw new InvalidDataException($"it asks for {Printable($"{module}.{name}")}, which no weights file needs: refused, and nothing of it was run"),
    };

    /// <inheritdoc/>
    public object? Apply(object? found, PickleList arguments)
    {
        IReadOnlyList<object?> given = arguments.Items;
        switch (found)
        {
            case Known.OrderedDict when given.Count <= 1:
                return Ordered(given.Count == 0 ? [] : given[0] is PickleList pairs ? pairs.Items : throw Odd("OrderedDict"));
            case Known.RebuildTensor when given.Count is >= 4 and <= 7 && given[0] is TorchStorage storage && given[1] is long offset:
                return given.Count < 7 || given[6] is null or PickleMap { Entries.Count: 0 }
                    ? new TorchTensor(storage, offset, Integers(given[2]), Integers(given[3]), fileBytes)
                    : throw new InvalidDataException("a tensor is a conjugate or negative view, which is not supported");
            case Known.RebuildParameter when given.Count == 3 && given[0] is TorchTensor tensor:
                return tensor;
            case Known.Size when given.Count == 1 && given[0] is PickleList:
                return given[0];
            default:
                throw Odd(found is Known known ? known.ToString() : "a value that cannot be applied");
        }
    }

    /// <inheritdoc/>
    public object Outside(object? id)
    {
        if (id is not PickleList { IsTuple: true, Items: { Count: 5 or 6 } items } || items[0] is not "storage"
            || items[1] is not TorchElement element || items[2] is not string key || items[4] is not long count)
        {
            throw new InvalidDataException("its pickle refers to something outside that is no storage");
        }

        if (items.Count == 6 && items[5] is not null)
        {
            throw new InvalidDataException("it has views of storages, as PyTorch wrote them before 0.4: save it again with a newer one");
        }

        if (count < 0 || count > fileBytes / element.Size)
        {
            throw new InvalidDataException($"its storage '{Printable(key)}' claims {count} elements, more than the file holds");
        }

        TorchStorage storage = Storages.TryGetValue(key, out TorchStorage? known) ? known : new TorchStorage(key, element, count);
        if (storage.Element != element || storage.Count != count)
        {
            throw new InvalidDataException($"its storage '{Printable(key)}' has two types or two sizes");
        }

        return Storages[key] = storage;
    }

    /// <summary>A file's text for a message: one line, no control characters, not endless.</summary>
    internal static string Printable(string text) =>
        string.Concat(text.Take(MostShown).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c)) + (text.Length > MostShown ? "…" : "");

    private static PickleMap Ordered(IReadOnlyList<object?> pairs)
    {
        PickleMap dictionary = new();
        foreach (object? pair in pairs)
        {
            IReadOnlyList<object?> items = pair is PickleList { Items: { Count: 2 } two } ? two : throw Odd("OrderedDict");
            dictionary.Set(items[0], items[1]);
        }

        return dictionary;
    }

    private static long[] Integers(object? list) => list is PickleList { Items: { Count: <= Shape.MaxRank } items } && items.All(item => item is long)
        ? [.. items.Select(item => (long)item!)]
        : throw new InvalidDataException($"a tensor's sizes or strides are no list of at most {Shape.MaxRank} integers");

    private static InvalidDataException Odd(string what) => new($"its pickle applies {what} to arguments of another kind");
}
