using BenchmarkDotNet.Attributes;
using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>A bench at several sizes.</summary>
public abstract class SizedBench<TSize> : KernelBench
    where TSize : notnull
{
    /// <summary>The size of this run.</summary>
    [ParamsSource(nameof(Sizes))]
    public TSize Size { get; set; } = default!;

    /// <summary>The sizes of this program's run.</summary>
    public IEnumerable<TSize> Sizes => Settings.Smoke ? Tiny : Settings.Counts ? Counted : Real;

    internal override string SizeName => Size.ToString()!;

    /// <summary>Sizes for the smoke run: one of each kind.</summary>
    internal abstract TSize[] Tiny { get; }

    /// <summary>Sizes for counting on the soft GPU.</summary>
    internal virtual TSize[] Counted => Tiny;

    /// <summary>The sizes that matter.</summary>
    internal abstract TSize[] Real { get; }

    internal override IEnumerable<KernelBench> EachSize() => Sizes.Select(size =>
    {
        SizedBench<TSize> bench = (SizedBench<TSize>)Activator.CreateInstance(GetType())!;
        bench.Size = size;
        return bench;
    });
}

/// <summary>A bench of a differentiable op: what a training step takes of it is measured too.</summary>
public abstract class OpBench<TSize> : SizedBench<TSize>
    where TSize : notnull
{
    private Tensor? gradient;

    internal override Action Training => ForwardBackward;

    /// <summary>One recorded forward and its backward into every input.</summary>
    [Benchmark]
    public void ForwardBackward()
    {
        using StepScope scope = StepScope.Begin();
        Tensor y = Run(T);
        y.Backward(gradient ??= Gradient([.. y.Shape]));
        foreach (Tensor tensor in T)
        {
            Backpropagation.TakeGrad(tensor);
        }

        Device.Default.Synchronize();
    }

    private Tensor Gradient(int[] sizes)
    {
        using StepScope persistent = StepScope.Persistent();
        Tensor tensor = Uniform(sizes);
        tensor.RequiresGrad = false;
        return tensor;
    }
}
