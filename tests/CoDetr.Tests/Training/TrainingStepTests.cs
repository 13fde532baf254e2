using CoDetr.Data;
using CoDetr.Tensors;
using CoDetr.Tests.Data;
using CoDetr.Training;

namespace CoDetr.Tests.Training;

[Collection(Alone.Name)]
public sealed class TrainingStepTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void LearnsWithTheSameBitsForAnyNumberOfWorkers()
    {
        (float[] Losses, float[] Weights) one = Train(workers: 1);
        Assert.True(one.Losses[^1] < one.Losses[0] / 2, $"from {one.Losses[0]} to {one.Losses[^1]}");
        foreach (int workers in new[] { 2, 3 })
        {
            (float[] Losses, float[] Weights) other = Train(workers);
            Assert.Equal(one.Losses, other.Losses);
            Assert.Equal(one.Weights, other.Weights);
        }
    }

    [Fact]
    public void AccumulatedBatchesAreOneLargeBatch()
    {
        float[] large = Train(workers: 1, batch: 4, steps: 1).Weights, small = Train(workers: 1, batch: 2, accumulate: 2, steps: 1).Weights;
        Assert.True(large.Zip(small, (a, b) => Math.Abs(a - b)).Max() < 0.05, "an Adam step is as long as the learning rate: most numbers must agree");
    }

    [Fact]
    public void NothingIsLeftBehindAndThePeakIsFlatFromStepThreeOn()
    {
        Device before = Device.Default;
        using CpuDevice device = new(2);
        Device.Default = device;
        try
        {
            using Setting setting = new(folder.Path, batch: 2, accumulate: 1);
            List<long> live = [], peaks = [];
            for (int i = 0; i < 8; i++)
            {
                device.ResetPeak();
                setting.Step(0); // the same batch each time: a batch with more objects is a little larger
                live.Add(device.LiveCount);
                peaks.Add(device.PeakBytes);
            }

            Assert.All(live.Skip(2), count => Assert.Equal(live[2], count));
            Assert.All(peaks.Skip(2), peak => Assert.Equal(peaks[2], peak));
        }
        finally
        {
            Device.Default = before;
        }
    }

    [Fact]
    public void ABrokenStepNamesTheOpAndChangesNothing()
    {
        using Setting setting = new(folder.Path, batch: 2, accumulate: 1);
        setting.Step(0);
        setting.Model.Gain = float.PositiveInfinity;
        float[] weights = setting.Flat.Trained.ToArray();
        BrokenStepException broken = Assert.Throws<BrokenStepException>(() => setting.Step(1));
        Assert.Contains("a loss is not finite: first in forward of ", broken.Message, StringComparison.Ordinal);
        Assert.Equal(2, broken.Batch.Count);
        Assert.Equal(weights, setting.Flat.Trained.ToArray());
        setting.Model.Gain = 1;
        setting.Step(1);
    }

    [Fact]
    public void ABrokenGradientNamesItsParameter()
    {
        using Setting setting = new(folder.Path, batch: 2, accumulate: 1);
        setting.Model.Gain = 1e-25f; // the square's slope overflows nowhere forward
        setting.Model.NamedParameters().Single(p => p.Name == "norm.weight").Parameter.Value.Fill(1e25f);
        setting.Model.NamedParameters().Single(p => p.Name == "head.sampling_offsets.weight").Parameter.Value.Fill(1e20f);
        Exception? broken = Record.Exception(() => setting.Step(0));
        Assert.Contains("not finite: first in", Assert.IsType<BrokenStepException>(broken).Message, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private (float[] Losses, float[] Weights) Train(int workers, int batch = 2, int accumulate = 1, int steps = 20)
    {
        Device before = Device.Default;
        using CpuDevice device = new(workers) { SpreadFrom = 0 };
        Device.Default = device;
        try
        {
            using Setting setting = new(folder.Path, batch, accumulate);
            float[] losses = [.. Enumerable.Range(0, steps).Select(i => setting.Step(i).Total)];
            return (losses, setting.Flat.Trained.ToArray());
        }
        finally
        {
            Device.Default = before;
        }
    }

    /// <summary>A toy model, drawn data and an optimizer.</summary>
    private sealed class Setting : IDisposable
    {
        private readonly Loader loader;
        private readonly Optimizer optimizer;
        private readonly TrainingStep step;
        private readonly int accumulate;

        internal Setting(string folder, int batch, int accumulate)
        {
            this.accumulate = accumulate;
            DatasetPart part = DatasetFolder.OpenTrain(DrawnData.Write(folder));
            loader = new Loader(part.File, part.ImageFolder, new LoaderOptions { BatchSize = batch, Training = true, Seed = 3 });
            Flat = new FlatParameters(Model);
            optimizer = new AdamW(Flat, [new ParameterRule("sampling_offsets", 0.1)], 1e-4, 0.1);
            step = new TrainingStep(Model.Losses, Flat, optimizer);
        }

        internal ToyModel Model { get; } = new();

        internal FlatParameters Flat { get; }

        internal StepResult Step(int number)
        {
            int epochs = loader.StepsPerEpoch / accumulate;
            Batch[] batches = [.. Enumerable.Range(0, accumulate).Select(i => loader.Load(number / epochs, (number % epochs * accumulate) + i))];
            StepResult result = step.Run(batches, 1e-2);
            Array.ForEach(batches, batch => batch.Dispose());
            return result;
        }

        public void Dispose()
        {
            optimizer.Dispose();
            Flat.Dispose();
            Model.Dispose();
        }
    }
}
