using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>A part of a model: parameters and child modules under the official checkpoint's names, in its order.</summary>
public abstract class Module : IDisposable
{
    private readonly List<StateEntry> entries = [];
    private readonly List<(string Name, Module Module)> children = [];
    private bool isTraining;

    /// <summary>Whether layers that behave differently in training do so; set for the whole tree below.</summary>
    public bool IsTraining
    {
        get => isTraining;
        set
        {
            isTraining = value;
            children.ForEach(child => child.Module.IsTraining = value);
        }
    }

    /// <summary>All parameters and buffers with their dotted names, in the order of <see cref="StateEntries()"/>.</summary>
    public IEnumerable<(string Name, Parameter Parameter)> NamedParameters()
    {
        foreach (StateEntry entry in StateEntries())
        {
            if (entry.Parameter is Parameter parameter)
            {
                yield return (entry.Name, parameter);
            }
        }
    }

    /// <summary>Everything that the official checkpoint holds: a module's own entries before its children's, in order of registration.</summary>
    public IEnumerable<StateEntry> StateEntries() => StateEntries("");

    /// <summary>Starts every parameter afresh.</summary>
    /// <param name="seed">The run's seed; the same seed gives the same bits.</param>
    public void Initialize(long seed)
    {
        foreach ((string name, Parameter parameter) in NamedParameters())
        {
            float[] values = new float[parameter.Value.Count];
            parameter.Initializer.Fill(StreamOf(seed, parameter.Initializer.Stream ?? name), values, parameter.CheckpointShape);
            parameter.Import(values);
        }
    }

    /// <summary>Frees the parameters.</summary>
    public void Dispose()
    {
        foreach ((_, Parameter parameter) in NamedParameters())
        {
            parameter.Value.Dispose();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Stops training of every parameter below.</summary>
    internal void Freeze()
    {
        foreach ((_, Parameter parameter) in NamedParameters())
        {
            parameter.IsTrained = false;
        }
    }

    /// <summary>Registers a part; under an empty name its own parts are named as if they were registered here.</summary>
    private protected T Add<T>(string name, T child)
        where T : Module
    {
        children.Add((name, child));
        return child;
    }

    private protected T[] AddList<T>(string name, int count, Func<int, T> make)
        where T : Module => [.. Enumerable.Range(0, count).Select(i => Add($"{name}.{i}", make(i)))];

    private protected Parameter Add(string name, Shape shape, Initializer initializer, CheckpointLayout layout = CheckpointLayout.Same, bool isTrained = true) =>
        Listed(name, new Parameter(shape, initializer, layout, isBuffer: false, isTrained));

    private protected Parameter AddBuffer(string name, Shape shape, Initializer initializer) =>
        Listed(name, new Parameter(shape, initializer, CheckpointLayout.Same, isBuffer: true, isTrained: false));

    /// <summary>Lists a buffer of the official checkpoint that is computed where it is needed, or is of no use.</summary>
    private protected void AddDerived(string name, Shape shape, DType dtype = DType.F32) => entries.Add(new StateEntry(name, dtype, shape, null));

    private static Random StreamOf(long seed, string name) =>
        new(BinaryPrimitives.ReadInt32LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}/{name}"))));

    private Parameter Listed(string name, Parameter parameter)
    {
        entries.Add(new StateEntry(name, DType.F32, parameter.CheckpointShape, parameter));
        return parameter;
    }

    private IEnumerable<StateEntry> StateEntries(string prefix)
    {
        foreach (StateEntry entry in entries)
        {
            yield return entry with { Name = prefix + entry.Name };
        }

        foreach ((string name, Module module) in children)
        {
            foreach (StateEntry entry in module.StateEntries(name.Length == 0 ? prefix : $"{prefix}{name}."))
            {
                yield return entry;
            }
        }
    }
}
