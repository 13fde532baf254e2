using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

/// <summary>What a training step of a dense head asks of its device.</summary>
[Collection(Alone.Name)] // the default device is another one meanwhile
public sealed class DenseStepTests : IDisposable
{
    private readonly Device before = Device.Default;

    public static TheoryData<string> Kinds => [.. DenseKind.All.Select(kind => kind.Name)];

    [Theory, MemberData(nameof(Kinds))]
    public void NothingIsUploadedAndNothingWaits(string name)
    {
        using CpuDevice device = new(2);
        Device.Default = device;
        using DenseHead head = DenseKind.Of(name).Build(HeadScene.Plain);
        head.Initialize(1);
        using StepScope scope = StepScope.Begin();
        (FeatureMaps maps, Truth truth) = (Pyramid(), HeadScene.Plain.Truth);
        (long uploads, long waits) = (device.Uploads, device.Waits);
        Tensor.Concat(0, [.. head.Train(maps, null, truth, Draws.Given(new Dictionary<string, Tensor>())).Losses.Select(loss => loss.Values.Reshape(-1))]).SumAll().Backward();
        Assert.Equal((0L, 0L), (device.Uploads - uploads, device.Waits - waits));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void TheBitsAreTheSameForAnyNumberOfWorkers(string name)
    {
        float[]? first = null;
        foreach (int workers in new[] { 1, 2, 3, 7 })
        {
            using CpuDevice device = new(workers) { SpreadFrom = 0, Poison = true };
            Device.Default = device;
            using DenseHead head = DenseKind.Of(name).Build(HeadScene.Plain);
            head.Initialize(1);
            using StepScope scope = StepScope.Begin();
            FeatureMaps maps = Pyramid();
            Tensor[] losses = [.. head.Train(maps, null, HeadScene.Plain.Truth, Draws.Given(new Dictionary<string, Tensor>())).Losses.Select(loss => loss.Values.Reshape(-1))];
            float[] numbers = [.. Detected(head, maps), .. losses.SelectMany(loss => loss.ToArray())];
            Tensor.Concat(0, losses).SumAll().Backward();
            numbers = [.. numbers, .. maps.Maps.SelectMany(map => map.Grad!.ToArray()), .. head.NamedParameters().SelectMany(p => p.Parameter.ExportGrad())];
            first ??= numbers;
            Assert.Equal(first, numbers);
        }
    }

    public void Dispose() => Device.Default = before;

    private static float[] Detected(DenseHead head, FeatureMaps maps)
    {
        using NoGrad off = NoGrad.Begin();
        HeadDetections found = head.Detect(maps, null);
        return [.. found.Boxes.ToArray(), .. found.Scores.ToArray()];
    }

    private static FeatureMaps Pyramid()
    {
        Random random = new(4);
        HeadScene scene = HeadScene.Plain;
        return scene.Pyramid([.. scene.Maps.Select(map =>
        {
            float[] values = [.. Enumerable.Range(0, scene.Batch * map.Height * map.Width * 32).Select(_ => (random.NextSingle() * 2) - 1)];
            Tensor tensor = Tensor.From(values, [scene.Batch, map.Height, map.Width, 32]);
            tensor.RequiresGrad = true;
            return tensor;
        })]);
    }
}
