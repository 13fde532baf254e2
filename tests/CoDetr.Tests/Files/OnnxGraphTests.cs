using CoDetr.Tensors;
using Microsoft.ML.OnnxRuntime;

namespace CoDetr.Tests.Files;

public sealed class OnnxGraphTests
{
    [Fact]
    public void LayerNormInOnnxRuntimeGivesOurNumbers()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Normal(1, 5, 24), weight = Normal(2, 24), bias = Normal(3, 24);
        OnnxGraph graph = new("layer norm");
        string y = graph.Add(
            "LayerNormalization",
            [graph.Input("x", DType.F32, x.Shape), graph.Initializer("weight", weight), graph.Initializer("bias", bias)],
            ("axis", -1),
            ("epsilon", 1e-3f));
        graph.Output(y, DType.F32, x.Shape, "y");

        Close(x.LayerNorm(weight, bias, 1e-3f).ToArray(), Run(graph.ToBytes(), x), 2e-6f);
    }

    [Fact]
    public void EveryKindOfAttributeAndAListOfOutputsArrive()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From<float>([0, 1, 2, 3, 4, 5, 6, 7], [1, 1, 2, 4]);
        OnnxGraph graph = new("halves, sampled");
        string[] halves = graph.AddMany("Split", 2, [graph.Input("x", DType.F32, x.Shape), graph.Constant(3, 1)], ("axis", 3));
        string grid = graph.Initializer<float>("grid", [-0.5f, 0f, 1f, -1f], [1, 1, 2, 2]); // the middle of columns 0 and 1; the corner of column 2
        string samples = graph.Add("GridSample", [halves[0], grid], ("mode", "bilinear"), ("padding_mode", "border"), ("align_corners", 1));
        string last = graph.Add("ReduceMean", [halves[1]], ("axes", new[] { 2, 3 }), ("keepdims", 1));
        string sum = graph.Add("LeakyRelu", [graph.Add("Sub", [samples, last])], ("alpha", 0.5f));
        graph.Output(sum, DType.F32, [1, 1, 1, 2]);

        // Columns 0–2 are 0 1 2 / 4 5 6: the samples are 2.5 and 2; column 3 is 3 / 7 with mean 5.
        Close([-1.25f, -1.5f], Run(graph.ToBytes(), x), 0);
    }

    [Fact]
    public void NamesAreUsedOnceAndMustBeKnown()
    {
        OnnxGraph graph = new("names");
        graph.Input("x", DType.F32, [1]);
        Assert.Throws<ArgumentException>(() => graph.Input("x", DType.F32, [1]));
        Assert.Equal("Relu: nothing is called 'y' yet. (Parameter 'inputs')", Assert.Throws<ArgumentException>(() => graph.Add("Relu", ["y"])).Message);
    }

    private static float[] Run(byte[] model, Tensor x)
    {
        using InferenceSession session = new(model);
        using OrtValue input = OrtValue.CreateTensorValueFromMemory(x.ToArray(), [.. x.Shape.Select(size => (long)size)]);
        using RunOptions options = new();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, ["x"], [input], session.OutputNames);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    private static Tensor Normal(int seed, params int[] sizes)
    {
        Random random = new(seed);
        float[] values = new float[Shape.Create(sizes).Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = random.NextSingle() * 2 - 1;
        }

        return Tensor.From(values, Shape.Create(sizes));
    }

    private static void Close(float[] expected, float[] actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }
}
