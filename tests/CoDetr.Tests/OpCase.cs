using CoDetr.Tensors;
using Xunit.Sdk;

namespace CoDetr.Tests;

/// <summary>One op on one set of inputs: everything that is checked about any op is checked here, once.</summary>
/// <param name="Name">Shown when it fails.</param>
/// <param name="Inputs">The shapes of the differentiable inputs; filled with seeded normal numbers.</param>
/// <param name="Op">The op under test. Constants (indices, masks) are made inside with the inputs' device: <c>t[0].Device</c>.</param>
/// <param name="Reference">The same function in double precision, written plainly.</param>
public sealed record OpCase(string Name, Shape[] Inputs, Func<Tensor[], Tensor> Op, Func<double[][], double[]> Reference) : IXunitSerializable
{
    private static readonly int[] WorkerCounts = [1, 2, 3, 7];

    [ThreadStatic]
    private static CpuDevice[]? devices; // test classes run at the same time, and a device's live bytes are counted

    /// <summary>For xunit only.</summary>
    public OpCase()
        : this("", [], t => t[0], v => v[0])
    {
    }

    private static CpuDevice[] Devices => devices ??= [.. WorkerCounts.Select(workers => new CpuDevice(workers) { Poison = true, SpreadFrom = 0 })];

    /// <summary>Changes the normal numbers of input <c>i</c> into what the op needs (positive, distinct, within a range).</summary>
    public Func<int, double, double> Adapt { get; init; } = (_, value) => value;

    /// <summary>Largest error of the f32 output, relative to the output's largest magnitude.</summary>
    public double Tolerance { get; init; } = 1e-5;

    /// <summary>Largest error of the f32 gradients, relative to each gradient's largest magnitude.</summary>
    public double GradientTolerance { get; init; } = 2e-5;

    /// <summary>Whether the op has a gradient.</summary>
    public bool IsDifferentiable { get; init; } = true;

    /// <summary>Whether the op is made of dialect kernels only, so that its double build can be run too.</summary>
    public bool HasDouble { get; init; } = true;

    /// <summary>Runs every check.</summary>
    public void Verify()
    {
        double[][] inputs = Values();
        double[] expected = Reference([.. inputs.Select(v => (double[])v.Clone())]);
        double[] upstream = Seeded(expected.Length, 99);
        (float[] Output, float[][] Gradients)? first = null;
        foreach ((CpuDevice device, int workers) in Devices.Zip(WorkerCounts))
        {
            (float[] Output, float[][] Gradients) run = Run(device, inputs, upstream);
            if (first is null)
            {
                first = run;
                Close(expected, [.. run.Output.Select(v => (double)v)], Tolerance, "output");
            }
            else
            {
                Same(first.Value.Output, run.Output, $"output with {workers} workers");
                for (int i = 0; i < run.Gradients.Length; i++)
                {
                    Same(first.Value.Gradients[i], run.Gradients[i], $"gradient of input {i} with {workers} workers");
                }
            }
        }

        double[][] slopes = IsDifferentiable ? Differences(inputs, upstream) : [];
        for (int i = 0; i < slopes.Length; i++)
        {
            Close(slopes[i], [.. first!.Value.Gradients[i].Select(v => (double)v)], GradientTolerance, $"gradient of input {i}");
        }

        if (HasDouble)
        {
            VerifyDouble(inputs, expected, upstream, slopes);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    void IXunitSerializable.Deserialize(IXunitSerializationInfo info) => throw new NotSupportedException();

    void IXunitSerializable.Serialize(IXunitSerializationInfo info) => throw new NotSupportedException();

    private static double[] Seeded(long count, int seed)
    {
        Random random = new(seed);
        double[] values = new double[count];
        for (int i = 0; i < values.Length; i++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            values[i] = (float)(radius * Math.Cos(2 * Math.PI * random.NextDouble())); // exact in f32: both sides see the same number
        }

        return values;
    }

    private static double Largest(double[] values) => values.Length == 0 ? 0 : values.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();

    private double[][] Values() =>
        [.. Inputs.Select((shape, i) => Seeded(shape.Count, 17 + i).Select(v => (double)(float)Adapt(i, v)).ToArray())];

    private (float[] Output, float[][] Gradients) Run(CpuDevice device, double[][] inputs, double[] upstream)
    {
        long before = device.LiveBytes;
        float[] output;
        float[][] gradients;
        using (StepScope scope = StepScope.Begin())
        {
            Tensor[] tensors = [.. inputs.Select((v, i) => Tensor.From<float>([.. v.Select(x => (float)x)], Inputs[i], device))];
            Array.ForEach(tensors, tensor => tensor.RequiresGrad = IsDifferentiable);
            Tensor y = Op(tensors);
            output = y.ToArray();
            if (IsDifferentiable && y.Count > 0)
            {
                y.Backward(Tensor.From<float>([.. upstream.Select(x => (float)x)], y.Shape, device));
            }

            for (int i = 0; i < tensors.Length; i++)
            {
                Same([.. inputs[i].Select(x => (float)x)], tensors[i].ToArray(), $"input {i} after the run");
            }

            gradients = [.. tensors.Select(tensor => tensor.Grad?.ToArray() ?? new float[tensor.Count])];
        }

        Assert.True(before == device.LiveBytes, $"{Name}: {device.LiveBytes - before} bytes leaked.");
        return (output, gradients);
    }

    private void VerifyDouble(double[][] inputs, double[] expected, double[] upstream, double[][] slopes)
    {
        using StepScope scope = StepScope.Begin();
        CpuDevice device = Devices[1];
        Tensor[] tensors = [.. inputs.Select((v, i) => Tensor.From(v, Inputs[i], device))];
        Array.ForEach(tensors, tensor => tensor.RequiresGrad = IsDifferentiable);
        Tensor y = Op(tensors);
        Close(expected, y.ToArray<double>(), 1e-10, "output of the double build");
        if (IsDifferentiable && y.Count > 0)
        {
            y.Backward(Tensor.From(upstream, y.Shape, device));
            for (int i = 0; i < slopes.Length; i++)
            {
                Close(slopes[i], tensors[i].Grad?.ToArray<double>() ?? new double[tensors[i].Count], 1e-6, $"gradient of input {i} of the double build");
            }
        }
    }

    /// <summary>Central differences of the double-precision reference: errors of the op stand out at 1e-7, not at 1e-4.</summary>
    private double[][] Differences(double[][] inputs, double[] upstream)
    {
        const double Step = 1e-5;
        double[][] slopes = [.. inputs.Select(v => new double[v.Length])];
        for (int i = 0; i < inputs.Length; i++)
        {
            for (int j = 0; j < inputs[i].Length; j++)
            {
                double[][] moved = [.. inputs.Select(v => (double[])v.Clone())];
                moved[i][j] = inputs[i][j] + Step;
                double[] above = Reference(moved);
                moved[i][j] = inputs[i][j] - Step;
                double[] below = Reference(moved);
                double slope = 0;
                for (int k = 0; k < upstream.Length; k++)
                {
                    slope += (above[k] - below[k]) * upstream[k];
                }

                slopes[i][j] = slope / (2 * Step);
            }
        }

        return slopes;
    }

    private void Close(double[] expected, double[] actual, double tolerance, string what)
    {
        Assert.True(expected.Length == actual.Length, $"{Name}: {what} has {actual.Length} elements, not {expected.Length}.");
        double scale = Math.Max(Largest(expected), 1e-3);
        for (int i = 0; i < expected.Length; i++)
        {
            bool same = expected[i].Equals(actual[i]) || Math.Abs(expected[i] - actual[i]) <= tolerance * scale;
            Assert.True(same, $"{Name}: {what} at {i} is {actual[i]:R}, expected {expected[i]:R} (within {tolerance} of {scale:G3}).");
        }
    }

    private void Same(float[] expected, float[] actual, string what)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(
                BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]),
                $"{Name}: {what} differs in its bits at {i}: {actual[i]:R}, not {expected[i]:R}.");
        }
    }
}
