using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>
/// Writes an ONNX model: declare inputs and initialisers, add nodes, declare outputs, save. Values are known by their names, which every method returns.
/// Shapes are fixed. ONNX's maps are channels-first. <see href="https://onnx.ai/onnx/operators/"/> lists the operators.
/// </summary>
/// <param name="name">The graph's name, for people.</param>
public sealed class OnnxGraph(string name)
{
    /// <summary>The version of the operator set: has GridSample (16) and LayerNormalization (17).</summary>
    public const int OperatorSet = 17;

    private const int FormatVersion = 8; // the file format that came with this operator set

    private readonly OnnxMessage graph = new OnnxMessage().Text(2, name);
    private readonly HashSet<string> names = [];

    /// <summary>Declares what a caller hands in.</summary>
    public string Input(string name, DType dtype, Shape shape)
    {
        graph.Message(11, ValueInfo(New(name), dtype, shape));
        return name;
    }

    /// <summary>Stores a tensor in the file: a weight.</summary>
    public string Initializer(string name, Tensor tensor) => tensor.DType switch
    {
        DType.F32 => Initializer<float>(name, tensor.ToArray<float>(), tensor.Shape),
        DType.I32 => Initializer<int>(name, tensor.ToArray<int>(), tensor.Shape),
        DType.I64 => Initializer<long>(name, tensor.ToArray<long>(), tensor.Shape),
        _ => throw new ShapeException($"Initializer {name}: {tensor.DType} is not written."),
    };

    /// <summary>Stores an array in the file.</summary>
    public string Initializer<T>(string name, ReadOnlySpan<T> values, Shape shape)
        where T : unmanaged
    {
        Check.That(values.Length == shape.Count, $"{name}: {shape} has {shape.Count} elements, got {values.Length}.");
        OnnxMessage tensor = new();
        foreach (int size in shape)
        {
            tensor.Integer(1, size);
        }

        graph.Message(5, tensor.Integer(2, ElementType(DTypes.Of<T>())).Text(8, New(name)).Bytes(9, MemoryMarshal.AsBytes(values).ToArray()));
        return name;
    }

    /// <summary>Stores a list of integers under a name of its own: axes, sizes, new shapes.</summary>
    public string Constant(params ReadOnlySpan<long> values) => Initializer(Unused("constant"), values, [values.Length]);

    /// <summary>Stores one number under a name of its own.</summary>
    public string Constant(float value) => Initializer<float>(Unused("constant"), [value], []);

    /// <summary>Adds a node of one output and returns that.</summary>
    /// <param name="operation">The operator, for example <c>Conv</c>.</param>
    /// <param name="inputs">In the operator's order; "" leaves an optional one out.</param>
    /// <param name="attributes">What differs from the operator's defaults.</param>
    public string Add(string operation, ReadOnlySpan<string> inputs, params ReadOnlySpan<(string Name, OnnxAttributeValue Value)> attributes) =>
        AddMany(operation, 1, inputs, attributes)[0];

    /// <summary>Adds a node of several outputs, for example <c>Split</c>.</summary>
    /// <inheritdoc cref="Add"/>
    public string[] AddMany(
        string operation, int outputs, ReadOnlySpan<string> inputs, params ReadOnlySpan<(string Name, OnnxAttributeValue Value)> attributes)
    {
        OnnxMessage node = new();
        foreach (string input in inputs)
        {
            if (input.Length > 0 && !names.Contains(input))
            {
                throw new ArgumentException($"{operation}: nothing is called '{input}' yet.", nameof(inputs));
            }

            node.Text(1, input);
        }

        string[] results = new string[outputs];
        for (int i = 0; i < outputs; i++)
        {
            results[i] = New(Unused(operation));
            node.Text(2, results[i]);
        }

        node.Text(3, results[0] + "/node").Text(4, operation);
        foreach ((string attribute, OnnxAttributeValue value) in attributes)
        {
            node.Message(5, value.ToMessage(attribute));
        }

        graph.Message(1, node);
        return results;
    }

    /// <summary>Declares what a caller gets back, under a name of its choice if given.</summary>
    public string Output(string value, DType dtype, Shape shape, string? name = null)
    {
        if (name is not null)
        {
            graph.Message(1, new OnnxMessage().Text(1, value).Text(2, New(name)).Text(3, name + "/node").Text(4, "Identity"));
        }

        graph.Message(12, ValueInfo(name ?? value, dtype, shape));
        return name ?? value;
    }

    /// <summary>The file's bytes.</summary>
    public byte[] ToBytes()
    {
        using MemoryStream stream = new();
        Model().WriteTo(stream);
        return stream.ToArray();
    }

    /// <summary>Writes the file, whole or not at all.</summary>
    public void Save(string path) => WholeFile.Write(path, Model().WriteTo);

    private static OnnxMessage ValueInfo(string name, DType dtype, Shape shape)
    {
        OnnxMessage sizes = new();
        foreach (int size in shape)
        {
            sizes.Message(1, new OnnxMessage().Integer(1, size));
        }

        OnnxMessage tensor = new OnnxMessage().Integer(1, ElementType(dtype)).Message(2, sizes);
        return new OnnxMessage().Text(1, name).Message(2, new OnnxMessage().Message(1, tensor));
    }

    /// <summary>The numbers of <c>TensorProto.DataType</c>.</summary>
    private static int ElementType(DType dtype) => dtype switch
    {
        DType.F32 => 1,
        DType.U8 => 2,
        DType.I32 => 6,
        DType.I64 => 7,
        DType.F16 => 10,
        DType.F64 => 11,
        _ => 16, // BF16
    };

    private OnnxMessage Model() => new OnnxMessage()
        .Integer(1, FormatVersion)
        .Text(2, "CoDetr.Native")
        .Message(8, new OnnxMessage().Text(1, "").Integer(2, OperatorSet))
        .Message(7, graph);

    private string New(string name) => names.Add(name) ? name : throw new ArgumentException($"Two values are called '{name}'.", nameof(name));

    private string Unused(string stem) => $"{stem}_{names.Count}";
}
