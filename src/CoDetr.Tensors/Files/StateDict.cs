namespace CoDetr.Tensors;

/// <summary>
/// The named arrays of a weights file, PyTorch's or safetensors, under the names that a model uses: what they were wrapped in and a leading <c>module.</c> are
/// gone. Arrays are read one at a time.
/// </summary>
public sealed class StateDict : IDisposable
{
    private const string ParallelPrefix = "module.";
    private const string AveragePrefix = "ema_";
    private const int MaxWrappers = 3;

    private static readonly string[] Wrappers = ["state_dict", "model", "model_ema", "module"];
    private static readonly string[] AveragesFirst = ["model_ema", "state_dict", "model", "module"];

    private readonly IDisposable file;
    private readonly Dictionary<string, Entry> entries = new(StringComparer.Ordinal);
    private readonly List<string> averages = [];
    private readonly List<string> others = [];

    private StateDict(string path, IDisposable file) => (Path, this.file) = (path, file);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What kind of file it is, for people.</summary>
    public string Form => file is TorchArchive archive ? archive.IsLegacy ? "PyTorch, as before 1.6" : "PyTorch, zip archive" : "safetensors";

    /// <summary>The keys that the arrays lay under, outermost first, joined by dots; empty if none.</summary>
    public string Wrapper { get; private set; } = "";

    /// <summary>The arrays' names in the order of the file.</summary>
    public IReadOnlyCollection<string> Names => entries.Keys;

    /// <summary>Copies that a moving average keeps beside the arrays, <c>ema_*</c>: they are not among <see cref="Names"/>.</summary>
    public IReadOnlyList<string> Averages => averages;

    /// <summary>What else lies in the file, by name: the optimizer's state, descriptions, values that are no arrays.</summary>
    public IReadOnlyList<string> Others => others;

    /// <summary>The classes that the file says it knows, in the order of their labels; empty if it does not say.</summary>
    public IReadOnlyList<string> Classes { get; private set; } = [];

    /// <summary>Opens a file.</summary>
    /// <param name="path">Its content decides what it is.</param>
    /// <param name="averagesFirst">Whether <c>model_ema</c> is taken rather than what else is there.</param>
    /// <exception cref="CheckpointException">What is wrong with it.</exception>
    public static StateDict Open(string path, bool averagesFirst = false)
    {
        StateDict opened = IsSafeTensors(path) ? new(path, SafeTensors.Open(path)) : new(path, TorchArchive.Open(path));
        try
        {
            opened.List(averagesFirst ? AveragesFirst : Wrappers);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Whether there is an array of that name.</summary>
    public bool Contains(string name) => entries.ContainsKey(name);

    /// <summary>The shape of an array.</summary>
    public Shape ShapeOf(string name) => Find(name).Shape;

    /// <summary>The element type of an array.</summary>
    public DType DTypeOf(string name) => Find(name).DType;

    /// <summary>Reads one array.</summary>
    public StoredTensor Read(string name) => Find(name).Read();

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    /// <summary>A safetensors file has a JSON object after eight bytes of length; neither form of PyTorch's files can.</summary>
    private static bool IsSafeTensors(string path)
    {
        using FileBytes file = new(path);
        Span<byte> head = stackalloc byte[9];
        head.Clear();
        file.Read(0, head[..(int)Math.Min(head.Length, file.Length)]);
        return head[8] == '{';
    }

    private void List(string[] wrappers)
    {
        if (file is SafeTensors tensors)
        {
            foreach (string name in tensors.Names)
            {
                Add(name, new Entry(tensors.ShapeOf(name), tensors.DTypeOf(name), () => tensors.Read(name)));
            }
        }
        else if (file is TorchArchive archive)
        {
            ListTorch(archive, archive.Root as PickleMap ?? throw new CheckpointException($"{Path} holds no dictionary of arrays."), wrappers);
        }

        HashSet<string> copies = [.. entries.Keys.Select(name => AveragePrefix + name.Replace('.', '_'))];
        averages.AddRange(entries.Keys.Where(copies.Contains));
        averages.ForEach(name => entries.Remove(name));
    }

    private void ListTorch(TorchArchive archive, PickleMap root, string[] wrappers)
    {
        Classes = (root["meta"] as PickleMap)?["CLASSES"] is PickleList classes ? [.. classes.Items.OfType<string>().Select(TorchNames.Printable)] : [];
        PickleMap arrays = root;
        for (int i = 0; i < MaxWrappers && wrappers.FirstOrDefault(key => arrays[key] is PickleMap) is string wrapper; i++)
        {
            others.AddRange(arrays.Entries.Keys.Where(key => !wrapper.Equals(key)).Select(key => TorchNames.Printable($"{key}")));
            Wrapper = Wrapper.Length > 0 ? $"{Wrapper}.{wrapper}" : wrapper;
            arrays = (PickleMap)arrays[wrapper]!;
        }

        foreach ((object key, object? value) in arrays.Entries)
        {
            if (key is string name && value is TorchTensor tensor)
            {
                Add(name, new Entry(tensor.Shape, tensor.DType, () => archive.Read(name, tensor)));
            }
            else
            {
                others.Add(TorchNames.Printable($"{key}"));
            }
        }

        if (entries.Count == 0)
        {
            string found = string.Join(", ", arrays.Entries.Keys.Take(5).Select(key => TorchNames.Printable($"{key}")));
            throw new CheckpointException($"{Path} holds no arrays by name; its entries are: {(found.Length > 0 ? found : "none")}.");
        }
    }

    private void Add(string name, Entry entry)
    {
        string own = name.StartsWith(ParallelPrefix, StringComparison.Ordinal) ? name[ParallelPrefix.Length..] : name;
        if (own.Any(char.IsControl))
        {
            throw new CheckpointException($"{Path} holds an array whose name '{TorchNames.Printable(own)}' has control characters.");
        }

        if (!entries.TryAdd(own, entry))
        {
            throw new CheckpointException($"{Path} holds two arrays '{TorchNames.Printable(own)}'.");
        }
    }

    private Entry Find(string name) =>
        entries.TryGetValue(name, out Entry? entry) ? entry : throw new CheckpointException($"{Path} has no array '{name}'.");

    private sealed record Entry(Shape Shape, DType DType, Func<StoredTensor> Read);
}
