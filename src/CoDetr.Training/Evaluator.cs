using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>What a model finds in a data set, and how good that is.</summary>
/// <param name="Found">Every detection, in pixels of the files.</param>
/// <param name="Scores">COCO's figures.</param>
/// <param name="Seconds">How long it took.</param>
public sealed record Evaluation(IReadOnlyList<ScoredBox> Found, CocoScores Scores, double Seconds);

/// <summary>Runs a model over pictures.</summary>
public sealed class Evaluator
{
    private readonly Detector model;
    private readonly Pipeline pipeline;
    private readonly int? auxiliaryHead;

    /// <summary>Prepares a model for detection.</summary>
    /// <param name="model">Its norms keep their running statistics while it detects.</param>
    /// <param name="augmentation">How pictures were treated in training; says how they are for testing.</param>
    public Evaluator(Detector model, Augmentation augmentation) => (this.model, pipeline) = (model, augmentation.ForTesting());

    /// <summary>Detections a picture at most; the model's own limit if null.</summary>
    public int? MaxDetections { get; init; }

    /// <summary>The head that finds objects, one of <see cref="DetectorConfig.HeadNames"/>.</summary>
    /// <exception cref="ConfigException">The model has no such head; the message lists those it has.</exception>
    public string Head
    {
        init => auxiliaryHead = model.Config.AuxiliaryIndex(value);
    }

    /// <summary>Detections with a lower score are left out.</summary>
    public float Threshold { get; init; }

    /// <summary>Finds objects in every picture of a part of a data set and compares them with the truth.</summary>
    /// <param name="part">Pictures and truth.</param>
    /// <param name="batchSize">Pictures at once.</param>
    /// <param name="workers">Threads that load pictures.</param>
    /// <param name="progress">Gets the number of pictures done.</param>
    /// <param name="stop">Ends it early with <see cref="OperationCanceledException"/>.</param>
    public Evaluation Evaluate(DatasetPart part, int batchSize, int workers, Action<int>? progress = null, CancellationToken stop = default)
    {
        long begun = System.Diagnostics.Stopwatch.GetTimestamp();
        batchSize = Math.Min(batchSize, Math.Max(part.File.Images.Count, 1));
        Loader loader = new(part.File, part.ImageFolder, new LoaderOptions { BatchSize = batchSize, Workers = workers, Pipeline = pipeline });
        List<ScoredBox> found = [];
        int done = 0;
        foreach (Batch batch in loader.Epoch(0))
        {
            using (batch)
            {
                stop.ThrowIfCancellationRequested();
                ScoredBox[][] boxes = Detect(batch);
                found.AddRange(boxes.SelectMany((ofImage, i) => ofImage.Select(box => box with { Image = batch.ImageIndices[i] })));
                progress?.Invoke(done += batch.Count);
            }
        }

        CocoScores scores = CocoEvaluation.Evaluate(part.File, found);
        return new Evaluation(found, scores, System.Diagnostics.Stopwatch.GetElapsedTime(begun).TotalSeconds);
    }

    /// <summary>Finds objects in pictures from anywhere.</summary>
    /// <returns>For each picture its objects, best first; <see cref="ScoredBox.Image"/> is the picture's place in the list.</returns>
    public ScoredBox[][] Detect(IReadOnlyList<ImageU8> images)
    {
        using Batch batch = Batch.Of(images, pipeline);
        return Detect(batch);
    }

    private ScoredBox[][] Detect(Batch batch)
    {
        bool wasTraining = model.IsTraining;
        model.IsTraining = false;
        try
        {
            using StepScope scope = StepScope.Begin();
            (double X, double Y)[] scales = [.. batch.ScaleX.Zip(batch.ScaleY, (x, y) => ((double)x, (double)y))];
            DetectedObject[][] detections = model.Detect(
                DeviceBatch.Upload(batch, seed: 0).Pictures, scales, MaxDetections ?? model.Config.MaxDetections, Threshold, auxiliaryHead);
            return [.. detections.Select((ofImage, i) => ofImage.Select(d => ScoredBox.FromCorners(i, d.Label, d.Score, d.X1, d.Y1, d.X2, d.Y2)).ToArray())];
        }
        finally
        {
            model.IsTraining = wasTraining;
        }
    }
}
