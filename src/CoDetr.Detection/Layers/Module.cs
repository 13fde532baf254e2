using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>A part of a model: parameters and child modules under the official checkpoint's names, in its order.</summary>
public abstract class Module : IDisposable
{
    private readonly List<(string Name, Parameter Parameter)> parameters = [];
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

    /// <summary>All parameters and buffers with their dotted names: a module's own before its children's, in order of registration.</summary>
    public IEnumerable<(string Name, Parameter Parameter)> NamedParameters() => NamedParameters("");

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

    private protected Parameter Add(string name, Shape shape, Initializer initializer, CheckpointLayout layout = CheckpointLayout.Same, bool isTrained = true)
    {
        Parameter parameter = new(shape, initializer, layout, isBuffer: false, isTrained);
        parameters.Add((name, parameter));
        return parameter;
    }

    private protected Parameter AddBuffer(string name, Shape shape, Initializer initializer)
    {
        Parameter parameter = new(shape, initializer, CheckpointLayout.Same, isBuffer: true, isTrained: false);
        parameters.Add((name, parameter));
        return parameter;
    }

    private static Random StreamOf(long seed, string name) =>
        new(BinaryPrimitives.ReadInt32LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}/{name}"))));

    private IEnumerable<(string Name, Parameter Parameter)> NamedParameters(string prefix)
    {
        foreach ((string name, Parameter parameter) in parameters)
        {
            yield return (prefix + name, parameter);
        }

        foreach ((string name, Module module) in children)
        {
            foreach ((string Name, Parameter Parameter) pair in module.NamedParameters(name.Length == 0 ? prefix : $"{prefix}{name}."))
            {
                yield return pair;
            }
        }
    }
}
