using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Tests.Data;
using CoDetr.Training;

namespace CoDetr.Tests.Training;

/// <summary>What a whole training step of the smallest detector takes and leaves, and that its bits do not depend on the workers.</summary>
[Collection(Alone.Name)]
public sealed class ModelStepTests : IDisposable
{
    private const int Steps = 8;
    private const long ManagedBytesAStep = 1_500_000; // closures, shapes and handles of a few hundred ops; no pixels

    private readonly TemporaryFolder folder = new();
    private readonly Device before = Device.Default;
    private readonly CpuDevice device = new(2);

    public ModelStepTests() => Device.Default = device;

    [Fact]
    public void NothingIsLeftThePeakIsFlatAndManagedAllocationSmall()
    {
        (long[] live, long[] peaks, long[] managed) = Run(recompute: false);
        Assert.All(live.Skip(1), count => Assert.Equal(live[1], count));
        Assert.All(peaks.Skip(2), peak => Assert.Equal(peaks[2], peak));
        Assert.True(managed[^1] < ManagedBytesAStep, $"{managed[^1]} managed bytes a step");
        TestContext.Current.SendDiagnosticMessage($"{peaks[^1]} bytes of tensors at the peak, {managed[^1]} managed bytes a step, {live[^1]} storages between steps");
    }

    [Fact]
    public void AStepIsOneUploadAndOneWait()
    {
        List<(long Uploads, long Waits)> counts = [];
        Run(recompute: false, steps: 3, stepped: () => counts.Add((device.Uploads, device.Waits)));
        for (int i = 1; i < counts.Count; i++)
        {
            Assert.Equal((1L, 1L), (counts[i].Uploads - counts[i - 1].Uploads, counts[i].Waits - counts[i - 1].Waits));
        }
    }

    [Fact]
    public void RecomputationNeedsLess() =>
        Assert.True(Run(recompute: true).Peaks[^1] < Run(recompute: false).Peaks[^1] * 0.97, "recomputing encoder layers frees their activations");

    [Fact]
    public void AStepHasTheSameBitsForAnyNumberOfWorkers()
    {
        float[]? weights = null;
        foreach (int workers in new[] { 1, 2, 3 })
        {
            using CpuDevice own = new(workers) { SpreadFrom = 0, Poison = true };
            Device.Default = own;
            float[] found = [];
            Run(recompute: false, steps: 2, flat => found = flat.Values.ToArray());
            weights ??= found;
            Assert.Equal(weights, found);
        }
    }

    public void Dispose()
    {
        Device.Default = before;
        device.Dispose();
        folder.Dispose();
    }

    private (long[] Live, long[] Peaks, long[] Managed) Run(
        bool recompute, int steps = Steps, Action<FlatParameters>? look = null, Action? stepped = null)
    {
        DatasetPart part = DatasetFolder.OpenTrain(DrawnData.Write(folder.Path));
        Loader loader = new(part.File, part.ImageFolder, new LoaderOptions { BatchSize = 4, Training = true });
        using Detector model = new(ModelZoo.Config("deformable-detr-tiny", 2)) { IsTraining = true, Recomputes = recompute };
        model.Initialize(0);
        using FlatParameters flat = new(model);
        using AdamW optimizer = new(flat, [], 1e-4, 0.1);
        using TrainingStep step = new(model.Losses, flat, optimizer);
        using Batch batch = loader.Load(0, 0);
        (long[] live, long[] peaks, long[] managed) = (new long[steps], new long[steps], new long[steps]);
        for (int i = 0; i < steps; i++)
        {
            device.ResetPeak();
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            step.Run([batch], 1e-4);
            managed[i] = GC.GetAllocatedBytesForCurrentThread() - allocated;
            (live[i], peaks[i]) = (device.LiveCount, device.PeakBytes);
            stepped?.Invoke();
        }

        look?.Invoke(flat);
        return (live, peaks, managed);
    }
}
