using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Tensors;
using Draws = CoDetr.Detection.Draws;

namespace CoDetr.Training;

/// <summary>The batch of a step that ended in NaN or infinity, kept in a file with the weights, so that the step can be repeated.</summary>
public static class FailedStep
{
    private const string Masks = "masks";

    /// <summary>Repeats a kept step with a look at every op's result.</summary>
    /// <param name="path">The file that the failed step left.</param>
    /// <returns>One line: the first op whose result is not finite, or that all is finite now.</returns>
    /// <exception cref="CheckpointException">The file is something else.</exception>
    public static string Repeat(string path)
    {
        using Checkpoint kept = Checkpoint.Open(path);
        kept.ReadBatch("images");
        using Detector model = kept.LoadModel();
        model.IsTraining = true;
        model.Recomputes = kept.Info.Recipe.Recompute;
        string? op = NonFinite.FirstOp(() =>
        {
            using StepScope scope = StepScope.Begin();
            model.Losses(Images(kept), Objects(kept), Draws.From(Tensor.From(kept.ReadBatch("seed").ToArray<int>(), [2]))).Total.Backward();
        });
        return op is null ? "every number is finite this time" : $"first in {op}";
    }

    /// <summary>Keeps a batch.</summary>
    internal static void Save(string path, CheckpointInfo info, FlatParameters parameters, Batch batch) => Checkpoint.SaveFailure(path, info, parameters,
    [
        StoredTensor.From<float>("images", [batch.Count, batch.Height, batch.Width, 3], batch.Images.AsSpan(0, batch.ImageElements)),
        StoredTensor.From<int>("sizes", [batch.Count, 2], [.. batch.Heights.Zip(batch.Widths, (h, w) => new[] { h, w }).SelectMany(pair => pair)]),
        StoredTensor.From<int>("counts", [batch.Count], batch.ObjectCounts),
        StoredTensor.From<float>("boxes", [batch.Count, batch.MaxObjects, 4], batch.Boxes),
        StoredTensor.From<int>("labels", [batch.Count, batch.MaxObjects], batch.Labels),
        .. MasksOf(batch),
        StoredTensor.From<int>("seed", [2], [StepSeed.Of(info.Recipe.Seed, batch).Low, StepSeed.Of(info.Recipe.Seed, batch).High]),
    ]);

    private static StoredTensor[] MasksOf(Batch batch) =>
        batch.HasMasks ? [StoredTensor.From<byte>(Masks, [batch.Count, batch.MaxObjects, batch.Height, batch.Width], batch.Masks)] : [];

    private static ImageBatch Images(Checkpoint kept)
    {
        StoredTensor images = kept.ReadBatch("images");
        int[] sizes = kept.ReadBatch("sizes").ToArray<int>();
        return new ImageBatch(
            Tensor.From(images.ToArray<float>(), images.Shape), [.. Enumerable.Range(0, images.Shape[0]).Select(i => new ImageSize(sizes[2 * i], sizes[(2 * i) + 1]))]);
    }

    private static Truth Objects(Checkpoint kept)
    {
        int[] counts = kept.ReadBatch("counts").ToArray<int>(), labels = kept.ReadBatch("labels").ToArray<int>();
        float[] boxes = kept.ReadBatch("boxes").ToArray<float>();
        int most = labels.Length / counts.Length;
        return Truth.From(
            [.. counts.Select((count, i) => boxes[(i * most * 4)..(((i * most) + count) * 4)])],
            [.. counts.Select((count, i) => labels[(i * most)..((i * most) + count)])]) with
        {
            Masks = kept.HasBatch(Masks) ? Tensor.From(kept.ReadBatch(Masks).ToArray<byte>(), kept.ReadBatch(Masks).Shape) : null,
        };
    }
}
