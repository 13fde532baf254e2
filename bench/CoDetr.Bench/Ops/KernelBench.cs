using BenchmarkDotNet.Attributes;
using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>
/// An op at one size: what goes in, the call, how much it moves or computes, the same work elsewhere, and what is expected. One definition
/// serves BenchmarkDotNet, the comparison (<c>compare</c>) and the smoke run.
/// </summary>
public abstract class KernelBench
{
    private Random random = new(1);

    /// <summary>The inputs, after <see cref="Setup"/>.</summary>
    internal Tensor[] T { get; private set; } = [];

    /// <summary>For example <c>LayerNorm 300×256</c>.</summary>
    internal string Name => $"{GetType().Name[..^"Bench".Length]} {SizeName}";

    /// <summary>The size in words.</summary>
    internal abstract string SizeName { get; }

    /// <summary>Bytes that one forward must read and write, each element once; 0 where arithmetic is the measure.</summary>
    internal virtual long Bytes => 0;

    /// <summary>Floating-point operations of one forward, a multiply-add being two; 0 where memory is the measure.</summary>
    internal virtual double Operations => 0;

    /// <summary>Forward and backward, if there is a backward.</summary>
    internal virtual Action? Training => null;

    /// <summary>Who else does the same work.</summary>
    internal virtual Peer Peer => Peer.None;

    /// <summary>How many times as fast as the peer it shall be; 0 for no target.</summary>
    internal virtual double TargetRatio => 0;

    /// <summary>Which share of the copy bandwidth it shall reach; 0 for no target.</summary>
    internal virtual double TargetShare => 0;

    /// <summary>Makes the inputs, once.</summary>
    [GlobalSetup]
    public void Setup()
    {
        random = new Random(1); // every side gets the same numbers
        T = Inputs();
    }

    /// <summary>One forward, not recorded.</summary>
    [Benchmark]
    public void Forward()
    {
        using NoGrad off = NoGrad.Begin();
        using StepScope scope = StepScope.Begin();
        Run(T);
        Device.Default.Synchronize();
    }

    /// <summary>One forward's result, for comparing with a peer's.</summary>
    internal float[] Result()
    {
        using NoGrad off = NoGrad.Begin();
        using StepScope scope = StepScope.Begin();
        Tensor y = Run(T);
        return y.DType switch
        {
            DType.I32 => Array.ConvertAll(y.ToArray<int>(), i => (float)i),
            DType.U8 => Array.ConvertAll(y.ToArray<byte>(), i => (float)i),
            _ => y.ToArray(),
        };
    }

    /// <summary>This bench once per size, not set up.</summary>
    internal abstract IEnumerable<KernelBench> EachSize();

    /// <summary>The tensors that <see cref="Run"/> takes.</summary>
    internal abstract Tensor[] Inputs();

    /// <summary>The call that is measured.</summary>
    internal abstract Tensor Run(Tensor[] t);

    /// <summary>The same work as an ONNX graph, for <see cref="Peer.Onnx"/> and <see cref="Peer.OnnxWithWeights"/>.</summary>
    internal virtual void Build(OnnxModel onnx) => throw new NotSupportedException();

    /// <summary>The same work in plain C#, for <see cref="Peer.Plain"/>; returns the result.</summary>
    internal virtual float[] RunPlain() => throw new NotSupportedException();

    /// <summary>What of a result must agree among the sides.</summary>
    internal virtual float[] Comparable(float[] result) => result;

    /// <summary>A differentiable input: uniform numbers in [-1, 1).</summary>
    private protected Tensor Uniform(params int[] sizes) => Uniform(1f, sizes);

    /// <summary>A differentiable input: uniform numbers in [-scale, scale).</summary>
    private protected Tensor Uniform(float scale, int[] sizes)
    {
        Tensor tensor = Make(sizes, () => (random.NextSingle() * 2 - 1) * scale);
        tensor.RequiresGrad = true;
        return tensor;
    }

    /// <summary>An input of any element type.</summary>
    private protected static Tensor Make<TValue>(int[] sizes, Func<TValue> next)
        where TValue : unmanaged
    {
        TValue[] values = new TValue[Shape.Create(sizes).Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = next();
        }

        return Tensor.From(values, Shape.Create(sizes));
    }

    /// <summary>The next number of this bench's own stream, in [0, 1).</summary>
    private protected float Next() => random.NextSingle();
}

/// <summary>Who else does the same work.</summary>
internal enum Peer
{
    /// <summary>Nobody.</summary>
    None,

    /// <summary>ONNX Runtime; there are no weights.</summary>
    Onnx,

    /// <summary>ONNX Runtime, with the weights once as initialisers and once as inputs.</summary>
    OnnxWithWeights,

    /// <summary>Plain C#.</summary>
    Plain,
}
