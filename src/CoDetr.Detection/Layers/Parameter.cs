using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>How a tensor lies in a PyTorch checkpoint compared with ours.</summary>
public enum CheckpointLayout
{
    /// <summary>The same.</summary>
    Same,

    /// <summary>
    /// Ours <c>[out, kernel height, kernel width, in]</c>, theirs <c>[out, in, kernel height, kernel width]</c>; in a transposed convolution in and out change
    /// places.
    /// </summary>
    Convolution,

    /// <summary>A linear layer over a flattened map: ours <c>[out, height, width, channels]</c>, theirs <c>[out, channels · height · width]</c>.</summary>
    FlattenedMap,
}

/// <summary>A learned tensor or a buffer (running statistics) of a module.</summary>
public sealed class Parameter
{
    internal Parameter(Shape shape, Initializer initializer, CheckpointLayout layout, bool isBuffer, bool isTrained)
    {
        using StepScope persistent = StepScope.Persistent();
        Value = Tensor.Zeros(shape);
        (Initializer, Layout, IsBuffer) = (initializer, layout, isBuffer);
        IsTrained = isTrained;
    }

    /// <summary>The numbers, <c>f32[...]</c>, in our layout.</summary>
    public Tensor Value { get; }

    /// <summary>Whether it is a buffer: saved, never trained.</summary>
    public bool IsBuffer { get; }

    /// <summary>Whether training changes it by gradient; false for buffers and frozen layers.</summary>
    public bool IsTrained
    {
        get => Value.RequiresGrad;
        set => Value.RequiresGrad = value && !IsBuffer;
    }

    /// <summary>The shape under which checkpoints hold it.</summary>
    public Shape CheckpointShape => Layout switch
    {
        CheckpointLayout.Convolution => [Value.Shape[0], Value.Shape[3], Value.Shape[1], Value.Shape[2]],
        CheckpointLayout.FlattenedMap => [Value.Shape[0], Value.Shape[1] * Value.Shape[2] * Value.Shape[3]],
        _ => Value.Shape,
    };

    internal CheckpointLayout Layout { get; }

    internal Initializer Initializer { get; }

    /// <summary>Downloads the numbers in checkpoint layout.</summary>
    public float[] Export() => Layout == CheckpointLayout.Same ? Value.ToArray() : ChannelsFirst(Value.ToArray());

    /// <summary>Uploads numbers that lie in checkpoint layout.</summary>
    /// <exception cref="ShapeException">The count differs.</exception>
    public void Import(ReadOnlySpan<float> values)
    {
        if (values.Length != Value.Count)
        {
            throw new ShapeException($"A parameter of shape {CheckpointShape} cannot take {values.Length} numbers.");
        }

        Value.Set(Layout == CheckpointLayout.Same ? values : ChannelsLast(values));
    }

    /// <summary>The gradient in checkpoint layout, zeros if none flowed.</summary>
    internal float[] ExportGrad()
    {
        float[] grad = Value.Grad?.ToArray() ?? new float[Value.Count];
        return Layout == CheckpointLayout.Same ? grad : ChannelsFirst(grad);
    }

    private float[] ChannelsFirst(float[] values)
    {
        (int area, int channels) = (Value.Shape[1] * Value.Shape[2], Value.Shape[3]);
        return Turn(values, Value.Shape[0], area, channels);
    }

    private float[] ChannelsLast(ReadOnlySpan<float> values)
    {
        (int area, int channels) = (Value.Shape[1] * Value.Shape[2], Value.Shape[3]);
        return Turn(values, Value.Shape[0], channels, area);
    }

    /// <summary>Swaps the last two of three dimensions.</summary>
    private static float[] Turn(ReadOnlySpan<float> values, int outer, int rows, int columns)
    {
        float[] turned = new float[values.Length];
        for (int o = 0; o < outer; o++)
        {
            int at = o * rows * columns;
            for (int r = 0; r < rows; r++)
            {
                for (int c = 0; c < columns; c++)
                {
                    turned[at + (c * rows) + r] = values[at + (r * columns) + c];
                }
            }
        }

        return turned;
    }
}
