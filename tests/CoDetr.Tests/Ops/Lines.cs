using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

/// <summary>The lines of an array along one axis, in the order of the other axes.</summary>
internal static class Lines
{
    internal static IEnumerable<double[]> Of(double[] values, Shape shape, int axis)
    {
        axis = shape.Axis(axis);
        int count = shape[axis], inner = (int)shape.CountOf(axis + 1, shape.Length), outer = (int)shape.CountOf(0, axis);
        for (int o = 0; o < outer; o++)
        {
            for (int i = 0; i < inner; i++)
            {
                yield return [.. Enumerable.Range(0, count).Select(r => values[(((o * count) + r) * inner) + i])];
            }
        }
    }

    /// <summary>Puts lines back.</summary>
    internal static double[] Join(IEnumerable<double[]> lines, Shape shape, int axis)
    {
        axis = shape.Axis(axis);
        int count = shape[axis], inner = (int)shape.CountOf(axis + 1, shape.Length);
        double[] values = new double[shape.Count];
        foreach ((int line, double[] numbers) in lines.Index())
        {
            for (int r = 0; r < count; r++)
            {
                values[((((line / inner) * count) + r) * inner) + (line % inner)] = numbers[r];
            }
        }

        return values;
    }
}
