using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>
/// How a parameter starts (spec/model.md §6.8). Each parameter draws from its own random stream, named after it, so that adding a module never changes
/// another's numbers.
/// </summary>
/// <param name="Fill">Fills the array, which has the checkpoint's layout and shape.</param>
/// <param name="Stream">The stream's name if several parameters shall start equal; else null for the parameter's own name.</param>
internal sealed record Initializer(Action<Random, float[], Shape> Fill, string? Stream = null)
{
    internal static Initializer Zero { get; } = Constant(0);

    internal static Initializer One { get; } = Constant(1);

    /// <summary>U(±√(6/(fan_in+fan_out))).</summary>
    internal static Initializer XavierUniform { get; } = new((random, values, shape) =>
    {
        (double fanIn, double fanOut) = Fans(shape);
        Uniform(random, values, Math.Sqrt(6 / (fanIn + fanOut)));
    });

    /// <summary>N(0, 2/fan_out): convolutions that ReLU follows.</summary>
    internal static Initializer KaimingFanOut { get; } = new((random, values, shape) => Gauss(random, values, Math.Sqrt(2 / Fans(shape).Out)));

    /// <summary>PyTorch's default for weights of linear and convolution layers: U(±1/√fan_in).</summary>
    internal static Initializer Default { get; } = new((random, values, shape) => Uniform(random, values, 1 / Math.Sqrt(Fans(shape).In)));

    internal static Initializer Normal { get; } = Gaussian(1);

    /// <summary>N(0, deviation²).</summary>
    internal static Initializer Gaussian(double deviation) => new((random, values, _) => Gauss(random, values, deviation));

    internal static Initializer Constant(float value) => new((_, values, _) => Array.Fill(values, value));

    /// <summary>PyTorch's default for the bias of a layer with <paramref name="fanIn"/> inputs.</summary>
    internal static Initializer DefaultBias(int fanIn) => new((random, values, _) => Uniform(random, values, 1 / Math.Sqrt(fanIn)));

    internal static Initializer Exactly(Func<float[]> numbers) => new((_, values, _) => numbers().CopyTo(values, 0));

    private static (double In, double Out) Fans(Shape shape)
    {
        double area = shape.Length > 2 ? shape.CountOf(2, shape.Length) : 1;
        return (shape[1] * area, shape[0] * area);
    }

    private static void Uniform(Random random, float[] values, double bound)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)(((2 * random.NextDouble()) - 1) * bound);
        }
    }

    private static void Gauss(Random random, float[] values, double deviation)
    {
        for (int i = 0; i < values.Length; i++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            values[i] = (float)(deviation * radius * Math.Cos(2 * Math.PI * random.NextDouble()));
        }
    }
}
