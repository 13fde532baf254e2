namespace CoDetr.Tensors;

/// <summary>How the element values of a loss become the loss.</summary>
public sealed record LossReduction
{
    private static readonly Kernel SumRuns = new("loss.cu", "loss_sum_runs");
    private static readonly Kernel Finish = new("loss.cu", "loss_finish");
    private static readonly Kernel Upstream = new("loss.cu", "loss_upstream");
    private const float Epsilon = 1.1920929e-07f; // the reference adds the spacing of f32 at 1 to every average factor
    private const int Runs = 64;

    private LossReduction()
    {
    }

    /// <summary>The element values themselves.</summary>
    public static LossReduction None { get; } = new() { IsNone = true };

    /// <summary>The values of a class loss summed over the classes of each row.</summary>
    public static LossReduction EachRow { get; } = new() { IsNone = true, IsEachRow = true };

    /// <summary>Their sum.</summary>
    public static LossReduction Sum { get; } = new() { Divisor = 1 };

    /// <summary>Their mean.</summary>
    public static LossReduction Mean { get; } = new();

    /// <summary>The factor of the loss in the total.</summary>
    public float Weight { get; init; } = 1;

    internal bool IsNone { get; private init; }

    internal bool IsEachRow { get; private init; }

    private float? Divisor { get; init; }

    private Tensor? Average { get; init; }

    private float Least { get; init; }

    /// <summary>Their sum divided by an average factor.</summary>
    public static LossReduction Over(float averageFactor) => new() { Divisor = averageFactor + Epsilon };

    /// <summary>Their sum divided by an average factor that is on the device, and stays there.</summary>
    /// <param name="averageFactor"><c>f32[1]</c> or <c>f32[]</c></param>
    /// <param name="least">The smallest factor to divide by.</param>
    public static LossReduction Over(Tensor averageFactor, float least = 1)
    {
        Check.That(averageFactor.Count == 1, $"an average factor is one number, got {averageFactor}.");
        return new() { Average = averageFactor, Least = least };
    }

    /// <summary>Reduces values and records the op.</summary>
    /// <param name="op">Its name.</param>
    /// <param name="x">What the loss has a gradient for.</param>
    /// <param name="values">The element values, weighted.</param>
    /// <param name="count">What a mean divides by.</param>
    /// <param name="backward">From the upstream gradient to that of x; it is one number for all values, or one each if nothing was reduced.</param>
    internal Tensor Record(string op, Tensor x, Tensor values, long count, Action<Tensor, Tensor> backward)
    {
        float divisor = Divisor ?? Math.Max(count, 1);
        Tensor loss = IsNone ? values : Reduce(values, divisor);
        return GradNode.Record(op, loss, [x], dloss =>
        {
            Tensor dx = x.Like(), upstream = dloss;
            if (!IsNone)
            {
                upstream = dloss.Like();
                x.Device.Launch(Upstream, Work.Elements(1), upstream, dloss, Average, Least, divisor, Weight);
            }

            backward(dx, upstream);
            return [dx];
        });
    }

    private Tensor Reduce(Tensor values, float divisor)
    {
        int runs = (int)Math.Clamp(values.Count / 256, 1, Runs);
        Tensor partial = values.New(runs), loss = values.New();
        values.Device.Launch(SumRuns, Work.Teams(runs, 256, cost: values.Count / runs), partial, values, values.Count, runs);
        values.Device.Launch(Finish, Work.Teams(1, runs), loss, partial, Average, runs, Least, divisor, Weight);
        return loss;
    }
}
