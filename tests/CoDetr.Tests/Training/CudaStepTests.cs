using System.Diagnostics;
using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Tests.Data;
using CoDetr.Training;

namespace CoDetr.Tests.Training;

/// <summary>Training steps of the smallest detector on the GPU beside those on the CPU.</summary>
[Collection(Alone.Name)]
public sealed class CudaStepTests : IDisposable
{
    private const int Batches = 3;
    private readonly TemporaryFolder folder = new();
    private readonly Device before = Device.Default;
    private readonly CpuDevice cpu = new(2);
    private readonly CudaDevice cuda;

    public CudaStepTests()
    {
        Requires.SoftGpu();
        cuda = new CudaDevice();
        DrawnData.Write(folder.Path);
    }

    [Fact]
    public void LossesAndGradientsAreThoseOfTheCpu()
    {
        (float[] losses, float[] gradients) = Gradients(cpu);
        (float[] found, float[] foundGradients) = Gradients(cuda);
        Close(losses, found, 1e-5, "loss");
        Close(gradients, foundGradients, 1e-4, "gradient");
    }

    public void Dispose()
    {
        Device.Default = before;
        cuda?.Dispose();
        cpu.Dispose();
        folder.Dispose();
    }

    private static void Close(float[] expected, float[] found, double tolerance, string what)
    {
        double largest = expected.Max(Math.Abs), worst = expected.Zip(found, (e, f) => Math.Abs((double)e - f)).Max() / largest;
        TestContext.Current.SendDiagnosticMessage($"{what}: worst {worst:E2} of the largest, {largest:G4}; {tolerance:E0} is allowed");
        Assert.True(worst <= tolerance, $"{what}: {worst:E3} of the largest {largest:G4}, more than {tolerance:E1}");
    }

    private (float[] Losses, float[] Gradients) Gradients(Device device)
    {
        using Setting setting = new(device, folder.Path, DType.F32);
        using Batch batch = setting.Load(0);
        using StepScope scope = StepScope.Begin();
        DeviceBatch input = DeviceBatch.Upload(batch);
        Stopwatch watch = Stopwatch.StartNew();
        LossTable table = setting.Model.Losses(input.Pictures, input.Truth);
        scope.Keep(table.Values);
        table.Total.Backward();
        float[] losses = table.Values.ToArray(), gradients = setting.Flat.Gradients.ToArray();
        TestContext.Current.SendDiagnosticMessage($"{device.Description}: {watch.Elapsed.TotalSeconds:F1} s, {device.Launches} launches");
        return (losses, gradients);
    }

    private sealed class Setting : IDisposable
    {
        private readonly Loader loader;

        internal Setting(Device device, string folder, DType precision)
        {
            Device.Default = device;
            DatasetPart part = DatasetFolder.OpenTrain(folder);
            loader = new Loader(part.File, part.ImageFolder, new LoaderOptions { BatchSize = 2, Training = true });
            Model = new DeformableDetr(ModelZoo.Config("deformable-detr-tiny", 2)) { IsTraining = true, Precision = precision };
            Model.Initialize(0);
            Flat = new FlatParameters(Model);
        }

        internal DeformableDetr Model { get; }

        internal FlatParameters Flat { get; }

        internal Batch Load(int step) => loader.Load(0, step % Batches);

        public void Dispose() => Flat.Dispose();
    }
}
