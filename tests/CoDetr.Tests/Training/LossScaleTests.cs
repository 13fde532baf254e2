using CoDetr.Data;
using CoDetr.Tensors;
using CoDetr.Tests.Data;
using CoDetr.Training;

namespace CoDetr.Tests.Training;

/// <summary>The scale of the losses is exact, an update that overflowed is left out, and a resumed run knows where it was.</summary>
[Collection(Alone.Name)]
public sealed class LossScaleTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void APowerOfTwoChangesNoBit() => Assert.Equal(Train(DType.F32, steps: 3).Weights, Train(DType.F16, steps: 3).Weights);

    [Fact]
    public void AnOverflowLeavesTheUpdateOutAndHalves()
    {
        using Setting setting = new(folder.Path, DType.F16);
        setting.Step();
        float[] weights = setting.Flat.Values.ToArray(), moments = setting.Optimizer.State[0].Value.ToArray(), average = setting.Average.Values.ToArray();
        setting.Flat.Gradients.Fill(float.PositiveInfinity); // what an overflow leaves; backward adds to it
        StepResult result = setting.Step();
        Assert.False(result.IsUpdated);
        Assert.Equal((65536.0, 32768.0, 1L), (result.LossScale, setting.Optimizer.LossScale.Value, setting.Optimizer.Updates));
        Assert.Equal(weights, setting.Flat.Values.ToArray());
        Assert.Equal(moments, setting.Optimizer.State[0].Value.ToArray());
        Assert.Equal(average, setting.Average.Values.ToArray());
        Assert.True(setting.Step().IsUpdated);
        Assert.Equal(2, setting.Optimizer.Updates);
    }

    [Fact]
    public void WithoutScaleAnOverflowIsAnError()
    {
        using Setting setting = new(folder.Path, DType.F32);
        setting.Flat.Gradients.Fill(float.NaN);
        Assert.Contains("a gradient is not finite", Assert.Throws<BrokenStepException>(() => setting.Step()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void GrowsAfterALongTimeAndIsSaved()
    {
        LossScale scale = new(DType.F16);
        for (int i = 0; i < 2001; i++)
        {
            scale.Passed();
        }

        Assert.Equal((131072.0, 1), (scale.Value, scale.GoodUpdates));
        using Setting setting = new(folder.Path, DType.F16), other = new(folder.Path, DType.F16);
        setting.Optimizer.LossScale.Restore(1024, 77);
        Checkpoint.Save(folder["checkpoint.safetensors"], CheckpointTests.Info(), setting.Flat, setting.Optimizer, setting.Average);
        using Checkpoint saved = Checkpoint.Open(folder["checkpoint.safetensors"]);
        saved.LoadTraining(other.Flat, other.Optimizer, other.Average);
        Assert.Equal((1024.0, 77), (other.Optimizer.LossScale.Value, other.Optimizer.LossScale.GoodUpdates));
    }

    public void Dispose() => folder.Dispose();

    private (float[] Weights, double Scale) Train(DType precision, int steps)
    {
        using Setting setting = new(folder.Path, precision);
        for (int i = 0; i < steps; i++)
        {
            setting.Step();
        }

        return (setting.Flat.Values.ToArray(), setting.Optimizer.LossScale.Value);
    }

    /// <summary>A toy model in f32, whose losses are scaled as if it were stored otherwise.</summary>
    private sealed class Setting : IDisposable
    {
        private readonly Loader loader;
        private readonly ToyModel model = new();
        private readonly TrainingStep step;

        internal Setting(string folder, DType precision)
        {
            DatasetPart part = DatasetFolder.OpenTrain(DrawnData.Write(folder));
            loader = new Loader(part.File, part.ImageFolder, new LoaderOptions { BatchSize = 2, Training = true });
            Flat = new FlatParameters(model);
            Optimizer = new AdamW(Flat, [], 1e-4, 0.1) { LossScale = new LossScale(precision) };
            Average = new MovingAverage(Flat);
            step = new TrainingStep(model.Losses, Flat, Optimizer, Average);
        }

        internal FlatParameters Flat { get; }

        internal AdamW Optimizer { get; }

        internal MovingAverage Average { get; }

        internal StepResult Step()
        {
            using Batch batch = loader.Load(0, 0);
            return step.Run([batch], 1e-2);
        }

        public void Dispose()
        {
            Average.Dispose();
            Optimizer.Dispose();
            Flat.Dispose();
        }
    }
}
