using System.Runtime.CompilerServices;

namespace CoDetr.Tensors;

/// <summary>Softmax and its logarithm along an axis; fastest on the last.</summary>
public static class SoftmaxOp
{
    private static readonly Kernel Forward = new("softmax.cu", "softmax_forward");
    private static readonly Kernel Backward = new("softmax.cu", "softmax_backward");
    private static readonly Kernel LogForward = new("softmax.cu", "softmax_log_forward");
    private static readonly Kernel LogBackward = new("softmax.cu", "softmax_log_backward");

    extension(Tensor x)
    {
        /// <summary>e^x divided by its sum along the axis.</summary>
        /// <param name="axis">Which; negative counts from the end.</param>
        /// <returns><c>real[...]</c></returns>
        public Tensor Softmax(int axis = -1) => Along(x, axis, Forward, Backward);

        /// <summary>The logarithm of <see cref="Softmax"/>, without overflow.</summary>
        /// <param name="axis">Which; negative counts from the end.</param>
        /// <returns><c>real[...]</c></returns>
        public Tensor LogSoftmax(int axis = -1) => Along(x, axis, LogForward, LogBackward);
    }

    private static Tensor Along(Tensor x, int axis, Kernel forward, Kernel backward, [CallerMemberName] string op = "")
    {
        Check.That(x.DType.IsFloat, $"x must hold floating-point numbers, got {x}.", op);
        axis = x.Shape.Axis(axis);
        if (axis != x.Shape.Length - 1)
        {
            return Along(x.Transpose(axis, -1), -1, forward, backward, op).Transpose(axis, -1);
        }

        int length = x.Shape[^1], rows = (int)(x.Count / Math.Max(length, 1));
        Work work = Work.Rows(rows, length, cost: 8L * length);
        Tensor y = x.Like();
        x.Device.Launch(forward, work, y, x, rows, length);
        return GradNode.Record(op, y, [x], dy =>
        {
            Tensor dx = x.Like();
            x.Device.Launch(backward, work, dx, dy, y, rows, length);
            return [dx];
        });
    }
}
