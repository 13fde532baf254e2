using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class ElementwiseTests
{
    public static TheoryData<OpCase> Cases =>
    [
        Case("negative", x => -x, x => -x),
        Case("add a number", x => 0.75f + x + 1.5f, x => x + 2.25),
        Case("subtract a number", x => x - 0.3f, x => x - 0.3f),
        Case("subtract from a number", x => 0.3f - x, x => 0.3f - x),
        Case("multiply by a number", x => 0.5f * (x * 0.3f), x => 0.5 * (x * 0.3f)),
        Case("divide by a number", x => x / 0.7f, x => x / 0.7f),
        Case("divide a number", x => 0.7f / x, x => 0.7f / x, Positive),
        Case("relu", x => x.Relu(), x => Math.Max(x, 0)),
        Case("sigmoid", x => x.Sigmoid(), Sigmoid, Wide),
        Case("tanh", x => x.Tanh(), Math.Tanh, Wide),
        Case("gelu", x => x.Gelu(), x => x * Normal(x), Wide),
        Case("gelu by tanh", x => x.GeluTanh(), x => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))), Wide),
        Case("silu", x => x.Silu(), x => x * Sigmoid(x), Wide),
        Case("softplus", x => x.Softplus(), x => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x))), Wide),
        Case("exp", x => x.Exp(), Math.Exp),
        Case("log", x => x.Log(), Math.Log, Positive),
        Case("sqrt", x => x.Sqrt(), Math.Sqrt, Positive),
        Case("abs", x => x.Abs(), Math.Abs),
        Case("square", x => x.Square(), x => x * x),
        Case("sin", x => x.Sin(), Math.Sin, Wide),
        Case("cos", x => x.Cos(), Math.Cos, Wide),
        Case("clamp", x => x.Clamp(-0.5f, 0.8f), x => Math.Clamp(x, -0.5f, 0.8f)),
        new OpCase("empty", [[0, 3]], t => t[0].Exp(), v => v[0]),
        new OpCase("scalar", [[]], t => t[0].Exp(), v => [Math.Exp(v[0][0])]),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    [Theory]
    [InlineData(0f), InlineData(-0.25f), InlineData(1e-4f), InlineData(0.6f), InlineData(0.95f), InlineData(-3f), InlineData(9f), InlineData(100f), InlineData(-1e4f)]
    public void FunctionsAreExactToTheLastDigits(float x)
    {
        using StepScope scope = StepScope.Begin();
        Tensor tensor = Tensor.From(x);
        Assert.Equal(Math.Tanh(x), tensor.Tanh().ToScalar(), Tolerance(Math.Tanh(x)));
        Assert.Equal(Math.Sin(x), tensor.Sin().ToScalar(), 1.2e-7);
        Assert.Equal(Math.Cos(x), tensor.Cos().ToScalar(), 1.2e-7);
        double softplus = Math.Max(x, 0) + (x < -15 ? Math.Exp(x) : Math.Log(1 + Math.Exp(-Math.Abs(x))));
        Assert.Equal(softplus, tensor.Softplus().ToScalar(), Tolerance(softplus));

        static double Tolerance(double value) => (3e-7 * Math.Abs(value)) + 1e-30;
    }

    [Fact]
    public void NotANumberStaysOne()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From(float.NaN);
        Func<Tensor>[] functions =
            [x.Relu, x.Sigmoid, x.Tanh, x.Gelu, x.GeluTanh, x.Silu, x.Softplus, x.Exp, x.Log, x.Sqrt, x.Abs, x.Square, x.Sin, x.Cos, () => x.Clamp(0, 1)];
        Assert.All(functions, function => Assert.Equal(float.NaN, function().ToScalar()));
    }

    [Fact]
    public void RefusesIntegers() => Assert.Equal(
        "Exp: x must hold floating-point numbers, got I32[2].", Assert.Throws<ShapeException>(() => Tensor.From(1, 2).Exp()).Message);

    private static OpCase Case(string name, Func<Tensor, Tensor> op, Func<double, double> reference, Func<int, double, double>? adapt = null) =>
        new(name, [[3, 47]], t => op(t[0]), v => [.. v[0].Select(reference)]) { Adapt = adapt ?? ((_, x) => x) };

    private static double Positive(int input, double x) => Math.Abs(x) + 0.1;

    private static double Wide(int input, double x) => 2.5 * x;

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>The normal distribution function, by the series of the error function around zero.</summary>
    internal static double Normal(double x)
    {
        double term = x, sum = x;
        for (int n = 1; Math.Abs(term) > 1e-18; n++)
        {
            term *= x * x / ((2 * n) + 1);
            sum += term;
        }

        return 0.5 + (sum * Math.Exp(-0.5 * x * x) / Math.Sqrt(2 * Math.PI));
    }
}
