using System.Text.Json;
using CoDetr.Tensors;

namespace CoDetr.Golden;

/// <summary>
/// One case: the sidecar <c>NAME.json</c> and, for most, the arrays in <c>NAME.safetensors</c>. A claim reads what the reference was given,
/// computes, and hands every stored result to <c>Compare</c>; a stored result that was never compared is a failure.
/// </summary>
public sealed class GoldenCase : IDisposable
{
    private static readonly string[] Given = ["weights", "inputs", "levels", "random_draws", "upstream_gradients"];

    private readonly JsonDocument document;
    private readonly SafeTensors? arrays;
    private readonly Dictionary<string, string> groups = new(StringComparer.Ordinal); // array → its group in the sidecar
    private readonly HashSet<string> due = new(StringComparer.Ordinal);
    private readonly List<string> failures = [];

    private GoldenCase(string path, JsonDocument document)
    {
        this.document = document;
        SidecarPath = path;
        Name = document.RootElement.GetProperty("case").GetString()!;
        string data = Path.ChangeExtension(path, ".safetensors");
        arrays = File.Exists(data) ? SafeTensors.Open(data) : null;
        if (Json.TryGetProperty("tensors", out JsonElement tensors))
        {
            foreach ((string group, string name) in tensors.EnumerateObject().SelectMany(g => g.Value.EnumerateObject().Select(t => (g.Name, t.Name))))
            {
                groups[name] = group;
                if (!Given.Contains(group))
                {
                    due.Add(name);
                }
            }
        }
    }

    /// <summary>Family and name, for example <c>ops/layer_norm_0</c>.</summary>
    public string Name { get; }

    /// <summary>The part of the name before the slash.</summary>
    public string Family => Name.Split('/')[0];

    /// <summary>Where the sidecar lies; further files of the case lie beside it.</summary>
    public string SidecarPath { get; }

    /// <summary>The whole sidecar.</summary>
    public JsonElement Json => document.RootElement;

    /// <summary>What the reference was configured with.</summary>
    public JsonElement Config => Json.GetProperty("config");

    /// <summary>The comparison that came closest to its tolerance, or the worst beyond it.</summary>
    internal Comparison Worst { get; private set; } = Comparison.None;

    /// <summary>What went wrong so far, and every stored result that was left out.</summary>
    internal IEnumerable<string> Failures => failures.Concat(due.Order().Select(name => $"{name} was not compared"));

    /// <summary>Reads a sidecar; null if the file is something else (a configuration, a data set).</summary>
    internal static GoldenCase? Open(string path)
    {
        JsonDocument json = Sidecar.Read(path);
        if (json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("case", out _))
        {
            return new GoldenCase(path, json);
        }

        json.Dispose();
        return null;
    }

    /// <summary>Whether the case stores an array of that name.</summary>
    public bool Has(string name) => groups.ContainsKey(name);

    /// <summary>The names of a group, in the sidecar's order: <c>weights</c>, <c>inputs</c>, <c>random_draws</c>, <c>outputs</c>, <c>gradients</c> …</summary>
    public IEnumerable<string> Names(string group) => groups.Where(g => g.Value == group).Select(g => g.Key);

    /// <summary>The shape of a stored array.</summary>
    public Shape ShapeOf(string name) => Stored(name).Shape;

    /// <summary>A stored array as it lies in the file.</summary>
    public StoredTensor Stored(string name) =>
        arrays?.Read(name) ?? throw new CheckpointException($"{Name} has no arrays.");

    /// <summary>A stored array as f32.</summary>
    public float[] Floats(string name) => [.. Doubles(name).Select(v => (float)v)];

    /// <summary>A stored array as f64; every stored type but large i64 converts exactly.</summary>
    public double[] Doubles(string name) => GoldenArrays.ToDoubles(Stored(name));

    /// <summary>A stored integer array; one that does not fit throws.</summary>
    public int[] Ints(string name) => [.. Longs(name).Select(v => checked((int)v))];

    /// <summary>A stored integer array.</summary>
    public long[] Longs(string name) => GoldenArrays.ToLongs(Stored(name));

    /// <summary>A stored mask.</summary>
    public bool[] Bools(string name) => [.. Longs(name).Select(v => v != 0)];

    /// <summary>A stored floating-point array on the default device: F32 or F64 as it is, with its own shape or another of the same count.</summary>
    public Tensor Tensor(string name, bool requiresGrad = false, Shape? shape = null)
    {
        StoredTensor stored = Stored(name);
        Tensor tensor = stored.DType switch
        {
            DType.F32 => Tensors.Tensor.From(stored.ToArray<float>(), shape ?? stored.Shape),
            DType.F64 => Tensors.Tensor.From(stored.ToArray<double>(), shape ?? stored.Shape),
            _ => throw new CheckpointException($"{Name}: {name} is {stored.DType}, no floating-point array."),
        };
        tensor.RequiresGrad = requiresGrad;
        return tensor;
    }

    /// <summary>A stored f32 array with its dimensions reordered: dimension <c>i</c> is the stored dimension <c>order[i]</c>.</summary>
    public Tensor Permuted(string name, bool requiresGrad, params ReadOnlySpan<int> order)
    {
        StoredTensor stored = Stored(name);
        Tensor tensor = Tensors.Tensor.From(
            GoldenArrays.Permute(stored.ToArray<float>(), stored.Shape, order), GoldenArrays.Permute(stored.Shape, order));
        tensor.RequiresGrad = requiresGrad;
        return tensor;
    }

    /// <summary>A stored map <c>[batch, channels, height, width]</c> as the engine has it, <c>[batch, height, width, channels]</c>.</summary>
    public Tensor ChannelsLast(string name, bool requiresGrad = false) => Permuted(name, requiresGrad, 0, 2, 3, 1);

    /// <summary>Compares a result of the engine, <c>[batch, height, width, channels]</c>, with a stored map.</summary>
    public void CompareChannelsLast(string name, Tensor? result) => ComparePermuted(name, result, 0, 2, 3, 1);

    /// <summary>Compares a result whose dimension <c>i</c> is the stored dimension <c>order[i]</c>.</summary>
    public void ComparePermuted(string name, Tensor? result, params ReadOnlySpan<int> order)
    {
        Shape expected = GoldenArrays.Permute(ShapeOf(name), order);
        if (result is null)
        {
            Compare(name, result);
        }
        else if (result.Shape != expected)
        {
            Settle(name, $"{name} has the shape {result.Shape}, stored is {ShapeOf(name)}, reordered {expected}");
        }
        else
        {
            int[] back = new int[order.Length];
            for (int i = 0; i < back.Length; i++)
            {
                back[order[i]] = i;
            }

            Compare<float>(name, GoldenArrays.Permute(result.ToArray(), result.Shape, back));
        }
    }

    /// <summary>Compares a result, or a gradient (null: nothing flowed, which is a gradient of zeros), with the stored array of that name.</summary>
    /// <param name="name">The stored array.</param>
    /// <param name="result">Of its shape.</param>
    /// <param name="isFlat">Whether only the number of elements must agree.</param>
    public void Compare(string name, Tensor? result, bool isFlat = false)
    {
        if (result is null)
        {
            Compare<float>(name, new float[ShapeOf(name).Count]);
        }
        else if (result.Shape != ShapeOf(name) && !isFlat)
        {
            Settle(name, $"{name} has the shape {result.Shape}, stored is {ShapeOf(name)}");
        }
        else if (result.DType == DType.F64)
        {
            Compare<double>(name, result.ToArray<double>());
        }
        else if (result.DType == DType.I32)
        {
            Compare<int>(name, result.ToArray<int>());
        }
        else if (result.DType == DType.U8)
        {
            Compare<byte>(name, result.ToArray<byte>());
        }
        else
        {
            Compare<float>(name, result.ToArray());
        }
    }

    /// <summary>Compares values (numbers or bool, row-major) with the stored array of that name, by the rule of its tolerance.</summary>
    /// <param name="name">The stored array.</param>
    /// <param name="values">As many as are stored.</param>
    /// <param name="counts">Which elements count, where the sidecar's note leaves some out.</param>
    public void Compare<T>(string name, ReadOnlySpan<T> values, Func<int, bool>? counts = null)
        where T : unmanaged
    {
        StoredTensor stored = Stored(name);
        double[] found = new double[values.Length];
        for (int i = 0; i < found.Length; i++)
        {
            found[i] = values[i] is bool flag ? (flag ? 1 : 0) : Convert.ToDouble(values[i]);
        }

        Comparison comparison = Comparison.Of(name, stored, found, Tolerance.Of(Json.GetProperty("tolerance"), name, stored.DType), counts);
        Worst = Comparison.Worse(Worst, comparison);
        Settle(name, comparison.Failure);
    }

    /// <inheritdoc cref="Compare{T}(string, ReadOnlySpan{T}, Func{int, bool})"/>
    public void Compare<T>(string name, T[] values, Func<int, bool>? counts = null)
        where T : unmanaged => Compare(name, (ReadOnlySpan<T>)values, counts);

    /// <summary>Compares parameters after several updates by the rule of their note: nearly all lie close, none is further off than updates can move it.</summary>
    /// <param name="name">The stored array.</param>
    /// <param name="values">As many as are stored.</param>
    /// <param name="within">How far any element may be off.</param>
    public void CompareMost(string name, float[] values, double within)
    {
        const double share = 0.99, relative = 1e-3, absolute = 1e-5;
        double[] expected = Doubles(name);
        int close = expected.Zip(values).Count(pair => Math.Abs(pair.First - pair.Second) <= absolute + (relative * Math.Abs(pair.First)));
        double worst = expected.Zip(values).Max(pair => Math.Abs(pair.First - pair.Second));
        Holds(name, close >= share * expected.Length && worst <= within, $"{share:P0} close, all within {within:G3} ({close} of {expected.Length} close, worst {worst:G3})");
    }

    /// <summary>Settles a stored array by a property instead of its values: a tied matching has more than one right answer.</summary>
    public void Holds(string name, bool holds, string property) => Settle(name, holds ? null : $"{name}: {property} does not hold");

    /// <summary>A number of the sidecar (COCO figures) against a computed one.</summary>
    public void CompareNumber(string what, double expected, double found, double tolerance)
    {
        Comparison comparison = Comparison.OfNumber(what, expected, found, new Tolerance(0, tolerance, ""));
        Worst = Comparison.Worse(Worst, comparison);
        Settle(what, comparison.Failure);
    }

    /// <summary>A condition of the case that is not an array (an error that must be thrown).</summary>
    public void Require(bool holds, string what) => Settle(what, holds ? null : $"{what} does not hold");

    /// <summary>Leaves stored results out, by exact name or a leading part that ends in <c>*</c>. Only whole models may: what a smaller model does not have.</summary>
    public void OutOfScope(params ReadOnlySpan<string> names)
    {
        if (Family != "models")
        {
            throw new InvalidOperationException($"{Name}: only cases of whole models may leave results out.");
        }

        foreach (string name in names)
        {
            string part = name.TrimEnd('*');
            due.RemoveWhere(n => name.EndsWith('*') ? n.StartsWith(part, StringComparison.Ordinal) : n == name);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        arrays?.Dispose();
        document.Dispose();
    }

    internal void Fail(string what) => failures.Add(what);

    private void Settle(string name, string? failure)
    {
        due.Remove(name);
        if (failure is not null)
        {
            failures.Add(failure);
        }
    }
}
