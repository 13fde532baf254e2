using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Queries that look at so many keys.</summary>
public sealed record AttentionSize(int Queries, int Keys, int Heads, int Width)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Queries}×{Keys}, {Heads}×{Width / Heads}";
}

/// <summary>The self-attention of a decoder of 300 and of 900 queries; projections are left out.</summary>
public class AttentionBench : OpBench<AttentionSize>
{
    internal override AttentionSize[] Tiny => [new(9, 7, 2, 16)];

    internal override AttentionSize[] Counted => [new(100, 100, 8, 256)];

    internal override AttentionSize[] Real => [new(300, 300, 8, 256), new(900, 900, 8, 256)];

    internal override double Operations => 4.0 * Size.Queries * Size.Keys * Size.Width;

    internal override Peer Peer => Peer.Onnx;

    internal override Tensor[] Inputs() =>
        [Uniform(1, Size.Queries, Size.Width), Uniform(1, Size.Keys, Size.Width), Uniform(1, Size.Keys, Size.Width)];

    internal override Tensor Run(Tensor[] t) => Tensor.Attention(t[0], t[1], t[2], Size.Heads);

    internal override void Build(OnnxModel onnx)
    {
        OnnxGraph graph = onnx.Graph;
        int channels = Size.Width / Size.Heads;
        string query = Heads("query", onnx.T[0], Size.Queries, 0, 2, 1, 3), key = Heads("key", onnx.T[1], Size.Keys, 0, 2, 3, 1);
        string scores = graph.Add("Mul", [graph.Add("MatMul", [query, key]), graph.Constant(1 / MathF.Sqrt(channels))]);
        string sum = graph.Add("MatMul", [graph.Add("Softmax", [scores], ("axis", -1)), Heads("value", onnx.T[2], Size.Keys, 0, 2, 1, 3)]);
        string tokens = graph.Add("Transpose", [sum], ("perm", new[] { 0, 2, 1, 3 }));
        onnx.Output(graph.Add("Reshape", [tokens, graph.Constant(1, Size.Queries, Size.Width)]), [1, Size.Queries, Size.Width]);

        string Heads(string name, Tensor x, int rows, params int[] order) =>
            graph.Add("Transpose", [graph.Add("Reshape", [onnx.Input(name, x), graph.Constant(1, rows, Size.Heads, channels)])], ("perm", order));
    }
}
