namespace CoDetr.Tensors;

/// <summary>One recorded op: its inputs, and how the gradient of its output becomes gradients of its inputs.</summary>
public sealed class GradNode
{
    [ThreadStatic]
    private static long recorded;

    private GradNode(string op, Tensor output, Tensor[] inputs, Func<Tensor, Tensor?[]> backward)
    {
        (Op, Output, Inputs, Backward) = (op, output, inputs, backward);
        foreach (Tensor input in inputs)
        {
            input.Storage.IsKept |= input.Node is null; // leaves are read after backward
        }

        (Order, Stage) = (++recorded, StageClock.CurrentName);
        Scope = StepScope.Current;
        if (Scope is not null)
        {
            (Begin, End) = (Scope.RecordedMark, Scope.Mark);
            Scope.RecordedMark = End;
        }
    }

    internal string Op { get; }

    internal Tensor Output { get; }

    internal Tensor[] Inputs { get; }

    /// <summary>Dropped once it has run, so that what it saved is not held.</summary>
    internal Func<Tensor, Tensor?[]>? Backward { get; set; }

    /// <summary>Later ops have larger numbers: walking them downwards is a reverse topological order.</summary>
    internal long Order { get; }

    /// <summary>The part of the model that recorded it, if anyone measures.</summary>
    internal string? Stage { get; }

    internal StepScope? Scope { get; }

    /// <summary>The scope's marks between which this op (or what ran before it, unrecorded) allocated. Every reader was recorded later.</summary>
    internal int Begin { get; }

    internal int End { get; }

    /// <summary>
    /// Attaches a backward to an output, unless recording is off or no input needs a gradient. <paramref name="backward"/> gets the output's gradient and
    /// returns one gradient (or null) per input; tensors that it allocates and does not return are freed after it.
    /// An optional input that is absent is null, and so is its gradient.
    /// </summary>
    public static Tensor Record(string op, Tensor output, Tensor?[] inputs, Func<Tensor, Tensor?[]> backward)
    {
        OpWatch.Current?.Invoke(op, false, output);
        if (Records(inputs))
        {
            Tensor[] present = [.. inputs.OfType<Tensor>()];
            output.RequiresGrad = true;
            output.Node = new GradNode(
                op, output, present, present.Length == inputs.Length ? backward : dy => [.. backward(dy).Where((_, i) => inputs[i] is not null)]);
        }

        return output;
    }

    /// <summary>Whether an op on these inputs is recorded now.</summary>
    internal static bool Records(params ReadOnlySpan<Tensor?> inputs)
    {
        foreach (Tensor? input in inputs)
        {
            if (input is { RequiresGrad: true })
            {
                return !NoGrad.IsOn;
            }
        }

        return false;
    }
}
