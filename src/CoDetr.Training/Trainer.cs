using System.Diagnostics;
using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>
/// A training from its first step, or from where it was saved, to its last: the same bits either way, for the order of pictures and every random number
/// follow from seed, epoch and step, and the checkpoint holds all else.
/// </summary>
public sealed class Trainer : IDisposable
{
    private const double SaveMinutes = 5;

    private readonly TrainingSettings settings;
    private readonly TrainingEvents events;
    private readonly RunFolder folder;
    private readonly DatasetPart train;
    private readonly DatasetPart validation;
    private readonly Loader loader;
    private readonly Detector model;
    private readonly FlatParameters parameters;
    private readonly Optimizer optimizer;
    private readonly MovingAverage? average;
    private readonly TrainingStep step;
    private readonly RunLog log;
    private readonly HashSet<string> warned = [];
    private CheckpointInfo info;
    private long savedAt = Stopwatch.GetTimestamp();

    private Trainer(TrainingSettings settings, TrainingEvents events, bool learnsMasks, Func<DatasetPart, CheckpointInfo> describe, Checkpoint? saved)
    {
        (this.settings, this.events, folder) = (settings, events, new RunFolder(settings.Out));
        train = DatasetFolder.OpenTrain(settings.Data, learnsMasks);
        validation = DatasetFolder.OpenValidation(settings.Data);
        info = describe(train);
        Precisions.Require(Recipe.Precision);
        loader = new Loader(train.File, train.ImageFolder, new LoaderOptions
        {
            BatchSize = Recipe.BatchSize,
            Workers = settings.LoaderWorkers,
            Masks = learnsMasks,
            Pipeline = Recipe.Augmentation.ForTraining(),
            Seed = unchecked((ulong)Recipe.Seed),
            Training = true,
        });
        DataChecks.Check(train, validation, Recipe, loader, info.Config, Note);
        folder.Prepare();

        model = new Detector(info.Config) { Precision = Recipe.Precision, Recomputes = Recipe.Recompute, IsTraining = true };
        model.Initialize(Recipe.Seed);
        model.Federated = Recipe.FederatedLoss ? new FederatedLoss(DataChecks.ImagesPerClass(train.File)) : null;
        if (saved is not null)
        {
            saved.LoadWeights(model);
        }
        else if (Recipe.Backbone is string file)
        {
            Note($"the backbone starts from {file}: {WeightImport.LoadBackbone(model, file).Loaded.Count} arrays");
        }

        parameters = new FlatParameters(model);
        optimizer = Optimizer.For(Recipe, parameters);
        average = Recipe.MovingAverage ? new MovingAverage(parameters) : null;
        saved?.LoadTraining(parameters, optimizer, average);
        step = new TrainingStep(model.Losses, parameters, optimizer, average, Recipe.Seed, model.IsRepeatable);
        log = saved is null
            ? RunLog.Create(folder.Log)
            : RunLog.Resume(folder.Log, info.Progress.Step, keepEvaluation: info.Progress.Step == (long)info.Progress.EvaluatedEpochs * StepsPerEpoch);
    }

    /// <summary>Updates an epoch.</summary>
    public int StepsPerEpoch => loader.StepsPerEpoch / Recipe.Accumulate;

    /// <summary>Updates of the whole training.</summary>
    public long Steps => (long)StepsPerEpoch * Recipe.Epochs;

    /// <summary>What a checkpoint made now says about itself.</summary>
    public CheckpointInfo Info => info;

    /// <summary>The last evaluation of this process.</summary>
    public Evaluation? LastEvaluation { get; private set; }

    private Recipe Recipe => info.Recipe;

    private Progress Progress
    {
        get => info.Progress;
        set => info = info with { Progress = value };
    }

    /// <summary>Prepares a new training.</summary>
    public static Trainer Start(TrainingSettings settings, Recipe recipe, TrainingEvents events)
    {
        RunFolder folder = new(settings.Out);
        if (File.Exists(folder.Checkpoint) && !settings.Overwrite)
        {
            throw new RunException($"{settings.Out} already holds a run; go on with --resume {settings.Out}, or choose another folder with --out.");
        }

        // How many classes there are stands in the data, which are read with masks or without.
        bool learnsMasks = ModelZoo.Config(recipe.Model, classes: 1, recipe.Collaboration).LearnsMasks;
        Trainer trainer = new(settings, events, learnsMasks, part => DataChecks.Describe(part, settings.Data, recipe), saved: null);
        trainer.Save();
        return trainer;
    }

    /// <summary>Prepares to go on with a training.</summary>
    /// <param name="settings">An empty <see cref="TrainingSettings.Data"/> stands for the data set of the run.</param>
    /// <param name="change">What may change about the recipe: its number of epochs.</param>
    /// <param name="events">Who wants to know.</param>
    public static Trainer Resume(TrainingSettings settings, Func<Recipe, Recipe> change, TrainingEvents events)
    {
        string path = new RunFolder(settings.Out).Checkpoint;
        if (!File.Exists(path))
        {
            throw new RunException($"{settings.Out}: there is no {RunFolder.CheckpointName} to go on from; start the run again without --resume.");
        }

        using Checkpoint saved = Checkpoint.Open(path);
        CheckpointInfo info = saved.Info with { Recipe = change(saved.Info.Recipe) };
        string data = settings.Data.Length > 0 ? settings.Data : info.Data.Folder;
        return new Trainer(settings with { Data = data }, events, info.Config.LearnsMasks, part => DataChecks.Same(info, part, data), saved);
    }

    /// <summary>Trains to the end, or until it is asked to stop; then saves.</summary>
    /// <returns>Whether the end was reached.</returns>
    public bool Run(CancellationToken stop)
    {
        folder.WriteText(Path.GetFileName(folder.Description), info.ToJson(indented: true) + "\n");
        try
        {
            while (!stop.IsCancellationRequested)
            {
                if (IsEvaluationDue)
                {
                    Evaluate(stop);
                }
                else if (Progress.Step >= Steps)
                {
                    return true;
                }
                else
                {
                    TrainEpoch(stop);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Asked to stop within an evaluation: it is made after the resume.
        }

        Save();
        return false;
    }

    /// <summary>Frees model and optimizer, and closes the log.</summary>
    public void Dispose()
    {
        log.Dispose();
        step.Dispose();
        model.Federated?.Dispose();
        average?.Dispose();
        optimizer.Dispose();
        parameters.Dispose();
    }

    private bool IsEvaluationDue
    {
        get
        {
            long epochs = Progress.Step / StepsPerEpoch;
            return Progress.Step % StepsPerEpoch == 0 && epochs > Progress.EvaluatedEpochs && (epochs % Recipe.EvaluateEvery == 0 || epochs == Recipe.Epochs);
        }
    }

    private void TrainEpoch(CancellationToken stop)
    {
        int epoch = (int)(Progress.Step / StepsPerEpoch), first = (int)(Progress.Step % StepsPerEpoch);
        long begun = Stopwatch.GetTimestamp();
        List<Batch> batches = [];
        try
        {
            foreach (Batch batch in loader.Epoch(epoch, first * Recipe.Accumulate))
            {
                batches.Add(batch);
                if (batches.Count < Recipe.Accumulate)
                {
                    continue;
                }

                Step(epoch, batches, begun, Stopwatch.GetElapsedTime(begun).TotalSeconds);
                begun = Stopwatch.GetTimestamp();
                if (stop.IsCancellationRequested || Progress.Step % StepsPerEpoch == 0)
                {
                    break;
                }

                SaveWhenDue();
            }
        }
        finally
        {
            batches.ForEach(batch => batch.Dispose());
        }

        foreach (string line in loader.Warnings.Select(warning => warning.Message).Concat(loader.BrokenImages.Select(broken => $"skipped: {broken}")).Where(warned.Add))
        {
            Note(line);
        }
    }

    private void Step(int epoch, List<Batch> batches, long begun, double dataSeconds)
    {
        double rate = Recipe.Schedule.At(epoch, Progress.Step);
        Device.Default.ResetPeak();
        StepResult result;
        try
        {
            result = step.Run(batches, rate);
        }
        catch (BrokenStepException e)
        {
            throw Failure(e);
        }

        Progress = Progress with { Step = Progress.Step + 1 };
        StepReport report = new(
            Progress.Step, Steps, epoch + 1, rate, result, Stopwatch.GetElapsedTime(begun).TotalSeconds, dataSeconds, Device.Default.PeakBytes);
        log.Write(report, Recipe.Rules);
        events.Stepped?.Invoke(report);
        batches.ForEach(batch => batch.Dispose());
        batches.Clear();
    }

    private NonFiniteException Failure(BrokenStepException broken)
    {
        string path = folder[$"failed-step-{Progress.Step + 1}.safetensors"];
        FailedStep.Save(path, info, parameters, broken.Batch);
        string images = string.Join(", ", broken.Batch.ImageIndices.Select(i => train.File.Images[i].FileName));
        return new NonFiniteException(
            $"step {Progress.Step + 1} (images {images}): {broken.Message}. The batch is kept; look at it again with: codetr train --repeat {path}", broken);
    }

    private void Evaluate(CancellationToken stop)
    {
        int epoch = (int)(Progress.Step / StepsPerEpoch);
        using (average?.Swap())
        {
            LastEvaluation = new Evaluator(model, Recipe.Augmentation).Evaluate(
                validation, settings.EvaluationBatch ?? Recipe.BatchSize, settings.LoaderWorkers, done => events.Evaluating?.Invoke(done, validation.File.Images.Count), stop);
        }

        double ap = LastEvaluation.Scores.Ap;
        bool isBest = ap > Progress.BestAp;
        Progress = Progress with { EvaluatedEpochs = epoch, BestAp = isBest ? ap : Progress.BestAp, BestEpoch = isBest ? epoch : Progress.BestEpoch };
        log.Write(Progress.Step, epoch, LastEvaluation, validation.File);
        if (isBest)
        {
            Checkpoint.Save(folder.Best, info, parameters, optimizer: null, average);
        }

        Save();
        events.Evaluated?.Invoke(epoch, LastEvaluation, validation.File);
        Report.Write(folder, info, validation, LastEvaluation);
    }

    private void SaveWhenDue()
    {
        bool counted = settings.SaveEvery > 0 && Progress.Step % settings.SaveEvery == 0;
        if (counted || Stopwatch.GetElapsedTime(savedAt).TotalMinutes >= SaveMinutes)
        {
            Save();
        }
    }

    private void Save()
    {
        Checkpoint.Save(folder.Checkpoint, info, parameters, optimizer, average);
        savedAt = Stopwatch.GetTimestamp();
    }

    private void Note(string text) => events.Noted?.Invoke(text);
}
