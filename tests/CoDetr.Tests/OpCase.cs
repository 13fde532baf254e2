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

    /// <summary>Whether inputs are numbers that every storage type tells apart (251 of them, in a fixed disorder): for ops that choose the largest.</summary>
    public bool IsDistinct { get; init; }

    /// <summary>Largest error of the f32 output, relative to the output's largest magnitude.</summary>
    public double Tolerance { get; init; } = 1e-5;

    /// <summary>Largest error of the f32 gradients, relative to each gradient's largest magnitude.</summary>
    public double GradientTolerance { get; init; } = 2e-5;

    /// <summary>Whether the op has a gradient.</summary>
    public bool IsDifferentiable { get; init; } = true;

    /// <summary>Whether the op is made of dialect kernels only, so that its double build can be run too.</summary>
    public bool HasDouble { get; init; } = true;

    /// <summary>Whether the op's kernels store f16 and bf16. Boxes, costs, assignment, losses and the optimiser are f32 only.</summary>
    public bool HasHalf { get; init; } = true;

    /// <summary>The inputs that stay f32 when the others are f16 or bf16: weights of norms, places to sample at.</summary>
    public int[] AlwaysF32 { get; init; } = [];

    /// <summary>Runs every check: on the CPU, or where a GPU is the default device, on that.</summary>
    public void Verify()
    {
        if (Device.Default is CpuDevice)
        {
            VerifyOnCpu();
        }
        else
        {
            VerifyOnGpu();
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

    private static double[] Distinct(long count) => [.. Enumerable.Range(0, (int)count).Select(i => ((i * 37 % 251) - 125) / 32.0)];

    private static double[][] Copy(double[][] arrays) => [.. arrays.Select(v => (double[])v.Clone())];

    private static Tensor Upload(Device device, double[] values, Shape shape, DType type) =>
        type == DType.F64 ? Tensor.From(values, shape, device) : Tensor.From<float>([.. values.Select(x => (float)x)], shape, device).Cast(type);

    private static double[] Download(Tensor x) => x.Detach() switch
    {
        { DType: DType.F64 } doubles => doubles.ToArray<double>(),
        Tensor other => [.. other.Cast(DType.F32).ToArray().Select(v => (double)v)],
    };

    private static double Largest(double[] values) => values.Length == 0 ? 0 : values.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();

    private double[][] Values() =>
        [.. Inputs.Select((shape, i) => (IsDistinct ? Distinct(shape.Count) : Seeded(shape.Count, 17 + i)).Select(v => (double)(float)Adapt(i, v)).ToArray())];

    private void VerifyOnCpu()
    {
        double[][] inputs = Values();
        double[] expected = Reference(Copy(inputs)), upstream = Seeded(expected.Length, 99);
        (double[] Output, double[][] Gradients)? first = null;
        foreach ((CpuDevice device, int workers) in Devices.Zip(WorkerCounts))
        {
            (double[] Output, double[][] Gradients) run = Run(device, DType.F32, inputs, upstream);
            if (first is null)
            {
                first = run;
                Close(expected, run.Output, Tolerance, "output");
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

        double[][] slopes = Differences(inputs, upstream);
        CloseGradients(slopes, first!.Value.Gradients, GradientTolerance, "gradient");
        if (HasDouble)
        {
            Agree(Run(Devices[1], DType.F64, inputs, upstream), expected, slopes, DType.F64);
        }
    }

    /// <summary>Every storage type; f16 and bf16 against the reference on the inputs as that type rounds them.</summary>
    private void VerifyOnGpu()
    {
        IEnumerable<DType> types = [DType.F32, .. HasDouble ? [DType.F64] : Array.Empty<DType>(), .. HasHalf ? [DType.F16, DType.BF16] : Array.Empty<DType>()];
        foreach (DType type in types)
        {
            double[][] inputs = [.. Values().Select((v, i) => Array.ConvertAll(v, x => StorageRounding.Round(x, StorageOf(i, type))))];
            double[] expected = Reference(Copy(inputs)), upstream = Array.ConvertAll(Seeded(expected.Length, 99), x => StorageRounding.Round(x, type));
            double[][] slopes = Differences(inputs, upstream);
            try
            {
                Agree(Run(Device.Default, type, inputs, upstream), expected, slopes, type);
            }
            finally
            {
                DeviceUnderTest.AssertNoFindings($"{Name}, {type}"); // says more than a wrong number or a lost device
            }
        }
    }

    private void Agree((double[] Output, double[][] Gradients) run, double[] expected, double[][] slopes, DType type)
    {
        (double output, double gradient) = type == DType.F32 ? (Tolerance, GradientTolerance) : StorageRounding.Tolerances(type);
        Close(expected, run.Output, output, $"{type} output");
        CloseGradients(slopes, run.Gradients, gradient, $"{type} gradient");
    }

    private void CloseGradients(double[][] slopes, double[][] gradients, double tolerance, string what)
    {
        for (int i = 0; i < slopes.Length; i++)
        {
            Close(slopes[i], gradients[i], tolerance, $"{what} of input {i}");
        }
    }

    private (double[] Output, double[][] Gradients) Run(Device device, DType type, double[][] inputs, double[] upstream)
    {
        long before = device.LiveBytes;
        double[] output;
        double[][] gradients;
        using (StepScope scope = StepScope.Begin())
        {
            Tensor[] tensors = [.. inputs.Select((v, i) => Upload(device, v, Inputs[i], StorageOf(i, type)))];
            Array.ForEach(tensors, tensor => tensor.RequiresGrad = IsDifferentiable);
            Tensor y = Op(tensors);
            output = Download(y);
            if (IsDifferentiable && y.Count > 0)
            {
                y.Backward(Upload(device, upstream, y.Shape, y.DType));
            }

            for (int i = 0; i < tensors.Length; i++)
            {
                Same(inputs[i], Download(tensors[i]), $"{type} input {i} after the run");
            }

            gradients = IsDifferentiable ? [.. tensors.Select(tensor => tensor.Grad is Tensor grad ? Download(grad) : new double[tensor.Count])] : [];
        }

        Assert.True(before == device.LiveBytes, $"{Name}: {device.LiveBytes - before} bytes leaked.");
        return (output, gradients);
    }

    private DType StorageOf(int input, DType type) => type is DType.F16 or DType.BF16 && AlwaysF32.Contains(input) ? DType.F32 : type;

    /// <summary>Central differences of the double-precision reference: errors of the op stand out at 1e-7, not at 1e-4.</summary>
    private double[][] Differences(double[][] inputs, double[] upstream)
    {
        const double Step = 1e-5;
        if (!IsDifferentiable)
        {
            return [];
        }

        double[][] slopes = [.. inputs.Select(v => new double[v.Length])];
        for (int i = 0; i < inputs.Length; i++)
        {
            for (int j = 0; j < inputs[i].Length; j++)
            {
                double[][] moved = Copy(inputs);
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

    private void Same(double[] expected, double[] actual, string what)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(
                BitConverter.DoubleToInt64Bits(expected[i]) == BitConverter.DoubleToInt64Bits(actual[i]),
                $"{Name}: {what} differs in its bits at {i}: {actual[i]:R}, not {expected[i]:R}.");
        }
    }
}
