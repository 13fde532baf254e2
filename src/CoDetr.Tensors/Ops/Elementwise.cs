using System.Runtime.CompilerServices;

namespace CoDetr.Tensors;

/// <summary>Functions of each element by itself. Formula and derivative are one row of the table in <c>elementwise.cu</c>.</summary>
public static class ElementwiseOp
{
    private static readonly KernelTable Functions = new("elementwise.cu");
    private static readonly Kernel Forward = new("elementwise.cu", "elementwise_forward");
    private static readonly Kernel Backward = new("elementwise.cu", "elementwise_backward");

    extension(Tensor x)
    {
        /// <summary>max(0, x); the slope at 0 is 0.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Relu() => Map(x);

        /// <summary>1 / (1 + e^-x).</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Sigmoid() => Map(x);

        /// <summary>The hyperbolic tangent.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Tanh() => Map(x);

        /// <summary>x · Φ(x), exact.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Gelu() => Map(x);

        /// <summary>x · Φ(x) by its approximation with a hyperbolic tangent.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor GeluTanh() => Map(x);

        /// <summary>x · σ(x).</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Silu() => Map(x);

        /// <summary>log(1 + e^x), without overflow.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Softplus() => Map(x);

        /// <summary>e^x.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Exp() => Map(x);

        /// <summary>The natural logarithm.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Log() => Map(x);

        /// <summary>The square root.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Sqrt() => Map(x);

        /// <summary>The magnitude; its slope at 0 is 0.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Abs() => Map(x);

        /// <summary>x².</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Square() => Map(x);

        /// <summary>The sine, x in radians.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Sin() => Map(x);

        /// <summary>The cosine, x in radians.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Cos() => Map(x);

        /// <summary>Holds each element within [<paramref name="low"/>, <paramref name="high"/>]; the slope is 1 there, ends included, and 0 outside.</summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Clamp(float low, float high) => Map(x, low, high);
    }

    extension(Tensor)
    {
        /// <summary>The negative.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor operator -(Tensor x) => Map(x, op: "Negate");

        /// <summary>Adds a number.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor operator +(Tensor x, float number) => Map(x, number, op: "AddNumber");

        /// <summary>Adds a number.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor operator +(float number, Tensor x) => Map(x, number, op: "AddNumber");

        /// <summary>Subtracts a number.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor operator -(Tensor x, float number) => Map(x, -number, op: "AddNumber");

        /// <summary>Subtracts from a number.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor operator -(float number, Tensor x) => Map(x, number, op: "SubtractFromNumber");

        /// <summary>Multiplies by a number.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor operator *(Tensor x, float number) => Map(x, number, op: "MultiplyNumber");

        /// <summary>Multiplies by a number.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor operator *(float number, Tensor x) => Map(x, number, op: "MultiplyNumber");

        /// <summary>Divides by a number.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor operator /(Tensor x, float number) => Map(x, number, op: "DivideNumber");

        /// <summary>Divides a number by each element.</summary>
        /// <returns><c>real[...]</c></returns>
        public static Tensor operator /(float number, Tensor x) => Map(x, number, op: "DivideIntoNumber");
    }

    private static Tensor Map(Tensor x, float p = 0, float q = 0, [CallerMemberName] string op = "")
    {
        Check.That(x.DType.IsFloat, $"x must hold floating-point numbers, got {x}.", op);
        int function = Functions[op];
        Tensor y = x.Like();
        x.Device.Launch(Forward, Work.Elements(x.Count, cost: 4), y, x, x.Count, function, p, q);
        return GradNode.Record(op, y, [x], dy =>
        {
            if (op == "AddNumber")
            {
                return [dy];
            }

            Tensor dx = x.Like();
            x.Device.Launch(Backward, Work.Elements(x.Count, cost: 4), dx, dy, x, y, x.Count, function, p, q);
            return [dx];
        });
    }
}
