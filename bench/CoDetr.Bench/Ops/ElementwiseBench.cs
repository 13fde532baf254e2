using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>A member of the elementwise family over so many rows.</summary>
public sealed record ElementwiseSize(string Op, int Count, int Channels)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Op} {Count}×{Channels}";

    internal long Elements => (long)Count * Channels;
}

/// <summary>One of each kind, over the tokens of two pictures: two inputs, a row for all, a comparison, a transcendental function.</summary>
public class ElementwiseBench : OpBench<ElementwiseSize>
{
    private const string Add = "Add", AddRow = "Add row", Relu = "Relu", Sigmoid = "Sigmoid", Gelu = "Gelu", Gated = "Gated";

    internal override ElementwiseSize[] Tiny => Each(5, 24);

    internal override ElementwiseSize[] Counted => Each(512, 256);

    internal override ElementwiseSize[] Real => Each(35642, 256);

    internal override long Bytes => (Size.Op is Add or Gated ? 3 : 2) * Size.Elements * sizeof(float);

    internal override double TargetShare => 0.8;

    internal override Peer Peer => Size.Op is Gelu or Gated ? Peer.None : Peer.Onnx; // Gelu came with a later operator set

    internal override Tensor[] Inputs() => Size.Op switch
    {
        Add or Gated => [Uniform(Size.Count, Size.Channels), Uniform(Size.Count, Size.Channels)],
        AddRow => [Uniform(Size.Count, Size.Channels), Uniform(Size.Channels)],
        _ => [Uniform(4f, [Size.Count, Size.Channels])],
    };

    internal override Tensor Run(Tensor[] t) => Size.Op switch
    {
        Add or AddRow => t[0] + t[1],
        Relu => t[0].Relu(),
        Sigmoid => t[0].Sigmoid(),
        Gated => t[0].SiluTimes(t[1]),
        _ => t[0].Gelu(),
    };

    internal override void Build(OnnxModel onnx)
    {
        string[] inputs = [.. onnx.T.Select((t, i) => onnx.Input($"x{i}", t))];
        onnx.Output(onnx.Graph.Add(Size.Op.Split(' ')[0], inputs), [Size.Count, Size.Channels]);
    }

    private static ElementwiseSize[] Each(int count, int channels) => [.. new[] { Add, AddRow, Relu, Sigmoid, Gelu, Gated }.Select(op => new ElementwiseSize(op, count, channels))];
}
