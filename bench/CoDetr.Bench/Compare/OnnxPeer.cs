using CoDetr.Tensors;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace CoDetr.Bench;

/// <summary>ONNX Runtime on the same work: as many threads as ours, all optimisations, inputs and outputs allocated and bound beforehand.</summary>
internal sealed class OnnxPeer : IDisposable
{
    private readonly SessionOptions options = new();
    private readonly RunOptions run = new();
    private readonly InferenceSession session;
    private readonly OrtIoBinding binding;
    private readonly OrtValue output;
    private readonly OnnxModel model;

    internal OnnxPeer(KernelBench bench, bool weightsAsInputs)
    {
        model = new OnnxModel(bench, weightsAsInputs);
        bench.Build(model);
        options.IntraOpNumThreads = Environment.ProcessorCount;
        options.InterOpNumThreads = 1;
        options.ExecutionMode = ExecutionMode.ORT_SEQUENTIAL;
        options.GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL;
        options.LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR;
        session = new InferenceSession(model.Graph.ToBytes(), options);
        binding = session.CreateIoBinding();
        foreach ((string name, float[] values, Shape shape) in model.Inputs)
        {
            OrtValue value = Allocate(shape);
            values.CopyTo(value.GetTensorMutableDataAsSpan<float>());
            binding.BindInput(name, value);
        }

        output = Allocate(model.Result.Shape);
        binding.BindOutput(model.Result.Name, output);
    }

    public void Dispose()
    {
        binding.Dispose();
        session.Dispose();
        run.Dispose();
        options.Dispose();
    }

    internal void Run() => session.RunWithBinding(run, binding);

    internal float[] Result()
    {
        Run();
        return model.Result.ToOurs(output.GetTensorDataAsSpan<float>().ToArray());
    }

    private static OrtValue Allocate(Shape shape) =>
        OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, TensorElementType.Float, [.. shape.Select(size => (long)size)]);
}
