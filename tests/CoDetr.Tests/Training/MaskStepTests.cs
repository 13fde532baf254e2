using CoDetr.Cli;
using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Tests.Cli;
using CoDetr.Tests.Data;
using CoDetr.Training;

namespace CoDetr.Tests.Training;

/// <summary>Masks of a data set in a training step: what a mask head learns from them, and that nothing else pays for them.</summary>
[Collection(Alone.Name)] // the default device is another one meanwhile
public sealed class MaskStepTests : IDisposable
{
    private const int Side = 14;
    private readonly TemporaryFolder folder = new();
    private readonly Device before = Device.Default;
    private readonly CpuDevice device = new(2);

    public MaskStepTests()
    {
        Device.Default = device;
        DrawnData.Write(folder.Path, triangles: true);
    }

    [Fact]
    public void ATriangleIsTheTargetInsteadOfItsBox()
    {
        using Batch batch = Load(masks: true);
        using StepScope scope = StepScope.Begin();
        DeviceBatch uploaded = DeviceBatch.Upload(batch, seed: 1);
        Truth truth = uploaded.Truth;
        int most = batch.MaxObjects;
        Assert.Equal(batch.Masks.ToArray(), truth.Masks!.ToArray<byte>());
        Assert.Equal(batch.Labels.Select(label => Math.Max(label, 0)), truth.Labels.ToArray<int>()); // what lies behind the masks is still in its place
        int[] objects = [.. batch.ObjectCounts.SelectMany(count => Enumerable.Range(0, most).Select(i => i < count ? i : -1))];
        float[] drawn = Targets(truth), boxes = Targets(truth with { Masks = null });
        for (int i = 0; i < objects.Length; i++)
        {
            for (int bin = 0; bin < Side * Side; bin++)
            {
                (int row, int column, float value) = (bin / Side, bin % Side, drawn[(i * Side * Side) + bin]);
                Assert.Equal(objects[i] < 0 ? 0 : 1, boxes[(i * Side * Side) + bin]);
                if (Math.Abs(row + column + 1 - Side) > 2) // away from the diagonal
                {
                    Assert.Equal(objects[i] >= 0 && row + column + 1 < Side ? 1 : 0, value);
                }
            }
        }

        float[] Targets(Truth of) =>
            of.Boxes.MaskTargets(Tensor.From(objects, [batch.Count, most]), of.Boxes, of.Masks, uploaded.Pictures.ValidSizes, Side).ToArray();
    }

    [Fact]
    public void WhereTheDataHaveNoneTheBoxIsTheTargetAsBefore()
    {
        DrawnData.Write(folder.Path);
        (float[] boxes, _, _) = Step(masks: false, "mask-rcnn");
        (float[] drawn, _, _) = Step(masks: true, "mask-rcnn");
        Assert.Equal(boxes, drawn);
    }

    [Fact]
    public void AStepLearnsThemInOneUploadWithTheSameBits()
    {
        (float[] boxes, _, IReadOnlyList<string> names) = Step(masks: false, "mask-rcnn");
        (float[] drawn, long uploads, _) = Step(masks: true, "mask-rcnn");
        int mask = names.ToList().FindIndex(name => name.StartsWith("loss_mask", StringComparison.Ordinal));
        Assert.True(Math.Abs(boxes[mask] - drawn[mask]) > 1e-4 * boxes[mask], $"{boxes[mask]} with boxes, {drawn[mask]} with triangles");
        Assert.All(Enumerable.Range(0, boxes.Length).Where(i => i != mask), i => Assert.Equal(boxes[i], drawn[i]));
        Assert.Equal(1, uploads);
        Assert.Equal(drawn, Step(masks: true, "mask-rcnn").Losses);
    }

    [Theory]
    [InlineData(true, true, "mask-rcnn")]
    [InlineData(true, true, "atss", "mask-rcnn")]
    [InlineData(false, true, "faster-rcnn", "atss")]
    [InlineData(false, false, "mask-rcnn")]
    public void OnlyAHeadThatLearnsMasksAsksForThem(bool expected, bool trains, params string[] heads) =>
        Assert.Equal(expected, ModelZoo.Config("deformable-detr-tiny", 2, new Collaboration { Heads = heads, TrainsHeads = trains }).LearnsMasks);

    [Fact]
    public void ATrainingLoadsThemForItsHeadAndKeepsThemWithABrokenStep()
    {
        using Checkpoint kept = Broken("masks", "mask-rcnn"), plain = Broken("plain", "faster-rcnn");
        Assert.False(plain.HasBatch("masks"));
        StoredTensor masks = kept.ReadBatch("masks");
        int[] labels = kept.ReadBatch("labels").ToArray<int>();
        float[] boxes = kept.ReadBatch("boxes").ToArray<float>();
        Assert.Equal([4, labels.Length / 4, DrawnData.Side, DrawnData.Side], masks.Shape);
        byte[] bits = masks.ToArray<byte>();
        int size = DrawnData.Side * DrawnData.Side;
        for (int i = 0; i < labels.Length; i++)
        {
            double area = (boxes[(4 * i) + 2] - boxes[4 * i]) * (boxes[(4 * i) + 3] - boxes[(4 * i) + 1]);
            double share = bits.AsSpan(i * size, size).Count((byte)1) / area;
            Assert.True(labels[i] < 0 || share is > 0.4 and < 0.6, $"object {i} fills {share} of its box");
        }

        Checkpoint Broken(string run, string head)
        {
            string data = folder.Path, output = folder[run];
            CliRun.Of("train", "--data", data, "--model", "deformable-detr-tiny", "--aux", head, "--batch", "4", "--lr", "1e30", "--out", output)
                .FailsWith(1, "step 2 (images ", "--repeat");
            string path = Path.Combine(output, "failed-step-2.safetensors");
            Assert.Equal(ExitCode.Success, CliRun.Of("train", "--repeat", path).Code);
            return Checkpoint.Open(path);
        }
    }

    public void Dispose()
    {
        Device.Default = before;
        device.Dispose();
        folder.Dispose();
    }

    private Batch Load(bool masks)
    {
        DatasetPart part = DatasetFolder.OpenTrain(folder.Path, masks);
        return new Loader(part.File, part.ImageFolder, new LoaderOptions { BatchSize = 4, Training = true, Masks = masks }).Load(0, 0);
    }

    private (float[] Losses, long Uploads, IReadOnlyList<string> Names) Step(bool masks, params string[] heads)
    {
        using Batch batch = Load(masks);
        using Detector model = new(ModelZoo.Config("deformable-detr-tiny", 2, new Collaboration { Heads = heads })) { IsTraining = true };
        model.Initialize(0);
        using FlatParameters flat = new(model);
        using AdamW optimizer = new(flat, [], 1e-4, 0.1);
        using TrainingStep step = new(model.Losses, flat, optimizer, isRepeatable: model.IsRepeatable);
        long uploads = device.Uploads;
        StepResult result = step.Run([batch], 1e-4);
        return (result.Losses, device.Uploads - uploads, result.Names);
    }
}
