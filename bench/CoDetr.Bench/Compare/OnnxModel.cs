using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>A bench's work as an ONNX graph, with the arrays that go in. Channels-last maps become channels-first on the way.</summary>
internal sealed class OnnxModel(KernelBench bench, bool weightsAsInputs)
{
    internal OnnxGraph Graph { get; } = new(bench.Name);

    /// <summary>The bench's tensors.</summary>
    internal Tensor[] T => bench.T;

    internal List<(string Name, float[] Values, Shape Shape)> Inputs { get; } = [];

    internal (string Name, Shape Shape, Func<float[], float[]> ToOurs) Result { get; private set; }

    /// <summary>An activation, as it is.</summary>
    internal string Input(string name, Tensor x) => Input(name, x.ToArray(), x.Shape);

    /// <summary>An activation <c>(n, h, w, c)</c>, handed in as <c>(n, c, h, w)</c>.</summary>
    internal string Map(string name, Tensor x) => Input(name, Swap(x.ToArray(), x.Shape[0], x.Shape[1] * x.Shape[2], x.Shape[3]), ChannelsFirst(x.Shape));

    /// <summary>A weight, as it is.</summary>
    internal string Weight(string name, Tensor w) => Weight(name, w.ToArray(), w.Shape);

    /// <summary>A filter <c>(out, h, w, in)</c>, handed in as <c>(out, in, h, w)</c>.</summary>
    internal string Filter(string name, Tensor w) => Weight(name, Swap(w.ToArray(), w.Shape[0], w.Shape[1] * w.Shape[2], w.Shape[3]), ChannelsFirst(w.Shape));

    /// <summary>A matrix, handed in transposed.</summary>
    internal string Transposed(string name, Tensor w) => Weight(name, Swap(w.ToArray(), 1, w.Shape[0], w.Shape[1]), [w.Shape[1], w.Shape[0]]);

    /// <summary>The result, laid out as ours.</summary>
    internal void Output(string value, Shape shape) => Result = (Graph.Output(value, DType.F32, shape), shape, y => y);

    /// <summary>The result <c>(n, c, h, w)</c>; ours is <c>(n, h, w, c)</c>, which is what <paramref name="shape"/> says.</summary>
    internal void MapOutput(string value, Shape shape)
    {
        Shape theirs = ChannelsFirst(shape);
        Result = (Graph.Output(value, DType.F32, theirs), theirs, y => Swap(y, shape[0], shape[3], shape[1] * shape[2]));
    }

    private static Shape ChannelsFirst(Shape s) => [s[0], s[3], s[1], s[2]];

    /// <summary>Transposes each of <paramref name="batch"/> matrices.</summary>
    private static float[] Swap(float[] x, int batch, int rows, int columns)
    {
        float[] y = new float[x.Length];
        for (int n = 0, to = 0; n < batch; n++)
        {
            for (int c = 0; c < columns; c++)
            {
                for (int r = 0; r < rows; r++)
                {
                    y[to++] = x[((long)n * rows + r) * columns + c];
                }
            }
        }

        return y;
    }

    private string Input(string name, float[] values, Shape shape)
    {
        Inputs.Add((name, values, shape));
        return Graph.Input(name, DType.F32, shape);
    }

    private string Weight(string name, float[] values, Shape shape) =>
        weightsAsInputs ? Input(name, values, shape) : Graph.Initializer<float>(name, values, shape);
}
