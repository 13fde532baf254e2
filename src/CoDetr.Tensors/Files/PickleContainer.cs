namespace CoDetr.Tensors;

/// <summary>
/// A list, tuple or dictionary of a pickle. A container that already lies in another cannot change any more, as honest files have it: so nothing is circular,
/// and depth and size of what one would walk through are known and bounded while it grows.
/// </summary>
public abstract class PickleContainer
{
    private const int MaxDepth = 64;
    private const long MaxWeight = 10_000_000;

    private bool isHeld;
    private int depth;
    private long weight = 1; // values within, each as often as a walk would meet it

    private protected PickleContainer()
    {
    }

    /// <summary>Takes account of a value that is about to be put in.</summary>
    /// <exception cref="InvalidDataException">It may not be.</exception>
    private protected void Hold(object? value)
    {
        weight++;
        if (value is PickleContainer inner)
        {
            inner.isHeld = true;
            depth = Math.Max(depth, inner.depth + 1);
            weight += inner.weight;
        }

        if (isHeld) // asked last, so that a container cannot be put into itself
        {
            throw new InvalidDataException("its pickle changes a value that another one already holds");
        }

        if (depth > MaxDepth || weight > MaxWeight)
        {
            throw new InvalidDataException("its pickle is nested too deeply, or holds too many values");
        }
    }
}

/// <summary>A list or tuple of a pickle. Values are null, bool, long, BigInteger, double, string, byte[], containers and <see cref="TorchTensor"/>.</summary>
public sealed class PickleList : PickleContainer
{
    private readonly List<object?> items = [];

    internal PickleList(bool isTuple = false) => IsTuple = isTuple;

    /// <summary>Whether it is a tuple.</summary>
    public bool IsTuple { get; }

    /// <summary>The values.</summary>
    public IReadOnlyList<object?> Items => items;

    internal void Add(object? value)
    {
        Hold(value);
        items.Add(value);
    }

    internal void AddRange(List<object?> source, int from)
    {
        items.EnsureCapacity(items.Count + source.Count - from);
        for (int i = from; i < source.Count; i++)
        {
            Add(source[i]);
        }
    }
}

/// <summary>A dictionary of a pickle; keys are text, integers or bool. For values see <see cref="PickleList"/>.</summary>
public sealed class PickleMap : PickleContainer
{
    private readonly Dictionary<object, object?> entries = new(new KeyComparer());

    internal PickleMap()
    {
    }

    /// <summary>Keys and values in the order of the file.</summary>
    public IReadOnlyDictionary<object, object?> Entries => entries;

    /// <summary>The value of a key, null if there is none.</summary>
    public object? this[object key] => entries.GetValueOrDefault(key);

    internal void Set(object? key, object? value)
    {
        if (key is not (string or long or bool))
        {
            throw new InvalidDataException("a dictionary of its pickle has a key that is neither text nor integer");
        }

        Hold(value);
        entries[key] = value;
    }

    /// <summary>Hashes that a file cannot foresee: with chosen keys it could else fill one bucket, and each access would take as long as the file is.</summary>
    private sealed class KeyComparer : IEqualityComparer<object>
    {
        public new bool Equals(object? x, object? y) => object.Equals(x, y);

        public int GetHashCode(object obj) => obj is long number ? HashCode.Combine((int)number, (int)(number >> 32)) : obj.GetHashCode();
    }
}
