using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>
/// A safetensors file that is all one needs: the weights to use under their official names and in PyTorch's layout, a JSON description in the header, and,
/// in a file to go on from, <c>training.*</c>: the optimiser's state and, if weights are averaged, the trained ones. Written whole or not at all.
/// </summary>
public sealed class Checkpoint : IDisposable
{
    private const string TrainingPrefix = "training.";
    private const string BatchPrefix = "batch.";
    private const string UpdatesKey = "updates";
    private const string LossScaleKey = "loss_scale";
    private const string GoodUpdatesKey = "good_updates";

    private readonly string path;
    private readonly SafeTensors file;

    private Checkpoint(string path, SafeTensors file)
    {
        (this.path, this.file) = (path, file);
        if (!file.Metadata.TryGetValue(CheckpointInfo.Key, out string? json))
        {
            throw new CheckpointException($"{path} holds arrays but no description of a model; only files that codetr has written can be used.");
        }

        try
        {
            Info = CheckpointInfo.FromJson(json);
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"{path}: its description cannot be read ({e.Message.Split('\n')[0].TrimEnd('.')}); was it written by a newer version?", e);
        }
    }

    /// <summary>What the file says about itself.</summary>
    public CheckpointInfo Info { get; }

    /// <summary>Opens a file and reads its description.</summary>
    /// <exception cref="CheckpointException">What is wrong with it.</exception>
    public static Checkpoint Open(string path)
    {
        if (!File.Exists(path))
        {
            throw new CheckpointException(Directory.Exists(path)
                ? $"{path} is a folder; name a file in it, for example {Path.Combine(path, RunFolder.BestName)}."
                : $"{path}: this weights file does not exist.");
        }

        SafeTensors file = SafeTensors.Open(path);
        try
        {
            return new Checkpoint(path, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Writes the weights to use; with an optimizer also what is needed to go on.</summary>
    public static void Save(string path, CheckpointInfo info, FlatParameters parameters, Optimizer? optimizer, MovingAverage? average)
    {
        List<StoredTensor> tensors = [];
        using (average?.Swap())
        {
            tensors.AddRange(WeightsOf(parameters.Ordered));
        }

        Dictionary<string, string> metadata = new() { [CheckpointInfo.Key] = info.ToJson() };
        if (optimizer is not null)
        {
            metadata[UpdatesKey] = optimizer.Updates.ToString();
            metadata[LossScaleKey] = optimizer.LossScale.Value.ToString("R", CultureInfo.InvariantCulture);
            metadata[GoodUpdatesKey] = optimizer.LossScale.GoodUpdates.ToString();
            tensors.AddRange(TrainingState(parameters, optimizer, average).Select(state => Store(TrainingPrefix + state.Name, state.Value)));
        }

        Write(path, tensors, metadata);
    }

    /// <summary>Writes the weights of a model to use.</summary>
    public static void Save(string path, CheckpointInfo info, Module model) =>
        Write(path, [.. WeightsOf(model.NamedParameters())], new Dictionary<string, string> { [CheckpointInfo.Key] = info.ToJson() });

    /// <summary>Builds the model and fills it.</summary>
    public Detector LoadModel()
    {
        Detector model = new(Info.Config) { Precision = Precisions.Usable(Info.Recipe.Precision) };
        LoadWeights(model);
        return model;
    }

    /// <summary>Fills a model.</summary>
    /// <exception cref="CheckpointException">Names or shapes differ: how many of each, and the first ones.</exception>
    public void LoadWeights(Module model)
    {
        Dictionary<string, Parameter> wanted = model.NamedParameters().ToDictionary(pair => pair.Name, pair => pair.Parameter);
        string[] missing = [.. wanted.Keys.Where(name => !file.Contains(name))];
        string[] extra = [.. file.Names.Where(name => !wanted.ContainsKey(name) && !IsOurs(name))];
        string[] reshaped = [.. wanted.Where(pair => file.Contains(pair.Key) && file.ShapeOf(pair.Key) != pair.Value.CheckpointShape)
            .Select(pair => $"{pair.Key} is {file.ShapeOf(pair.Key)} instead of {pair.Value.CheckpointShape}")];
        if (missing.Length + extra.Length + reshaped.Length > 0)
        {
            throw new CheckpointException(
                $"{path} is a checkpoint of another model: {Some(missing, "missing")}, {Some(extra, "extra")}, {Some(reshaped, "of another shape")}.");
        }

        foreach ((string name, Parameter parameter) in wanted)
        {
            parameter.Import(file.Read(name).ToArray<float>());
        }
    }

    /// <summary>Puts a training back to where it was saved; the weights have been loaded.</summary>
    public void LoadTraining(FlatParameters parameters, Optimizer optimizer, MovingAverage? average)
    {
        if (!file.Metadata.TryGetValue(UpdatesKey, out string? updates))
        {
            throw new CheckpointException($"{path} holds weights to use, but no state to go on from; resume from a run's {RunFolder.CheckpointName}.");
        }

        foreach ((string name, Tensor value) in TrainingState(parameters, optimizer, average))
        {
            StoredTensor stored = file.Read(TrainingPrefix + name);
            if (stored.Shape != value.Shape)
            {
                throw new CheckpointException($"{path}: {TrainingPrefix + name} is {stored.Shape} instead of {value.Shape}; the model has changed.");
            }

            value.Set<float>(stored.ToArray<float>());
        }

        optimizer.Updates = long.Parse(updates);
        if (file.Metadata.TryGetValue(LossScaleKey, out string? scale) && file.Metadata.TryGetValue(GoodUpdatesKey, out string? good))
        {
            optimizer.LossScale.Restore(double.Parse(scale, CultureInfo.InvariantCulture), int.Parse(good));
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    /// <summary>The weights and a batch that broke a step, for a repeat.</summary>
    internal static void SaveFailure(string path, CheckpointInfo info, FlatParameters parameters, IEnumerable<StoredTensor> batch) => Write(
        path,
        [.. WeightsOf(parameters.Ordered), .. batch.Select(tensor => tensor with { Name = BatchPrefix + tensor.Name })],
        new Dictionary<string, string> { [CheckpointInfo.Key] = info.ToJson() });

    /// <summary>Whether a kept batch has that array.</summary>
    internal bool HasBatch(string name) => file.Contains(BatchPrefix + name);

    /// <summary>An array of the kept batch.</summary>
    internal StoredTensor ReadBatch(string name) => HasBatch(name)
        ? file.Read(BatchPrefix + name)
        : throw new CheckpointException($"{path} holds no batch; the file to repeat is the one that a failed step has left in its run's folder.");

    private static bool IsOurs(string name) => name.StartsWith(TrainingPrefix, StringComparison.Ordinal)
        || name.StartsWith(BatchPrefix, StringComparison.Ordinal)
        || name.EndsWith(".num_batches_tracked", StringComparison.Ordinal); // PyTorch's counter, of no use

    private static IEnumerable<StoredTensor> WeightsOf(IEnumerable<(string Name, Parameter Parameter)> parameters) =>
        parameters.Select(pair => StoredTensor.From<float>(pair.Name, pair.Parameter.CheckpointShape, pair.Parameter.Export()));

    private static IEnumerable<(string Name, Tensor Value)> TrainingState(FlatParameters parameters, Optimizer optimizer, MovingAverage? average) =>
        average is null ? optimizer.State : [.. optimizer.State, ("values", parameters.Values), ("average", average.Values)];

    private static StoredTensor Store(string name, Tensor tensor) =>
        new(name, tensor.DType, tensor.Shape, MemoryMarshal.AsBytes(tensor.ToArray().AsSpan()).ToArray());

    private static void Write(string path, IReadOnlyList<StoredTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        try
        {
            SafeTensors.Write(path, tensors, metadata);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RunException($"{path}: cannot be written ({e.Message.TrimEnd('.')}); check the folder's permissions and the free space of its disk.", e);
        }
    }

    private static string Some(string[] names, string what) => names.Length switch
    {
        0 => $"none {what}",
        <= 3 => $"{names.Length} {what} ({string.Join(", ", names)})",
        _ => $"{names.Length} {what} ({string.Join(", ", names.Take(3))}, …)",
    };
}
