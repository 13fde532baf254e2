using CoDetr.Tensors;

namespace CoDetr.Tests.Autograd;

public sealed class BackpropagationTests
{
    [Fact]
    public void RecomputeGivesTheSameBitsWithLessMemory()
    {
        (float[] X, float[] Weight, long Peak) plain = Run(recompute: false), again = Run(recompute: true);
        Assert.Equal(plain.X, again.X);
        Assert.Equal(plain.Weight, again.Weight);
        Assert.True(again.Peak < plain.Peak, $"{again.Peak} bytes with recomputation, {plain.Peak} without.");
    }

    [Fact]
    public void GradientsAddWherePathsMeet()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.From(1f, 2f, 4f);
        x.RequiresGrad = true;
        Tensor weight = Tensor.From(1f, 1f, 1f), bias = Tensor.Zeros([3]);
        Tensor once = x.LayerNorm(weight, bias);
        once.Backward(Tensor.From(1f, 0f, 0f));
        float[] single = x.Grad!.ToArray();
        x.LayerNorm(weight, bias).Backward(Tensor.From(1f, 0f, 0f));
        Assert.Equal([.. single.Select(v => v + v)], x.Grad!.ToArray());
    }

    [Fact]
    public void WalkingAGraphTwiceIsRefused()
    {
        using StepScope scope = StepScope.Begin();
        Tensor x = Tensor.Zeros([3]);
        x.RequiresGrad = true;
        Tensor y = x.Sum(0);
        y.Backward();
        Assert.Throws<InvalidOperationException>(() => y.Backward());
    }

    private static (float[] X, float[] Weight, long Peak) Run(bool recompute)
    {
        using CpuDevice device = new(2);
        using StepScope scope = StepScope.Begin();
        Random random = new(5);
        Tensor x = Tensor.From<float>([.. Enumerable.Range(0, 4096).Select(_ => random.NextSingle())], [64, 64], device);
        Tensor weight = Tensor.From<float>([.. Enumerable.Range(0, 64).Select(_ => random.NextSingle())], [64], device), bias = Tensor.Zeros([64], device: device);
        x.RequiresGrad = weight.RequiresGrad = true;
        Tensor Block(Tensor t)
        {
            for (int i = 0; i < 6; i++)
            {
                t = t.LayerNorm(weight, bias);
            }

            return t;
        }

        device.ResetPeak();
        Tensor y = x;
        for (int i = 0; i < 6; i++)
        {
            y = recompute ? Recompute.Run([y], t => Block(t[0]), [weight, bias]) : Block(y);
        }

        y.Backward(x.Detach());
        return (x.Grad!.ToArray(), weight.Grad!.ToArray(), device.PeakBytes);
    }
}
