using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>What is made into a checkpoint of ours.</summary>
public sealed record ImportSettings
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>The model for so many classes; null: for as many as its configuration says.</summary>
    public required Func<int?, DetectorConfig> Configure { get; init; }

    /// <summary>The detector's weights file; null: the detector starts afresh.</summary>
    public string? Weights { get; init; }

    /// <summary>The backbone's weights file, which comes before <see cref="Weights"/>; null for none.</summary>
    public string? Backbone { get; init; }

    /// <summary>A data set whose classes the model shall know; null: those that the weights file names.</summary>
    public string? Data { get; init; }

    /// <summary>The checkpoint to write.</summary>
    public required string Out { get; init; }

    /// <summary>Whether parameters may be missing or of another shape: they start afresh.</summary>
    public bool MayBePartial { get; init; }

    /// <summary>What starts afresh follows from it.</summary>
    public long Seed { get; init; }
}

/// <summary>Makes a checkpoint of ours from weights of others.</summary>
public static class ModelImport
{
    /// <summary>Reads, reports, and writes the checkpoint whole or not at all.</summary>
    /// <param name="settings">What to read and write.</param>
    /// <param name="say">Gets the report, line by line.</param>
    /// <exception cref="CheckpointException">A file is damaged or does not fit; nothing is written.</exception>
    /// <exception cref="RunException">The checkpoint cannot be written, or it is not known for which classes.</exception>
    public static void Run(ImportSettings settings, Action<string> say)
    {
        using StateDict? file = settings.Weights is string path ? StateDict.Open(path) : null;
        string[] inputs = [.. new[] { settings.Weights, settings.Backbone }.OfType<string>().Select(Path.GetFullPath)];
        if (inputs.Contains(Path.GetFullPath(settings.Out)))
        {
            throw new RunException($"{settings.Out} would overwrite what is read; choose another file with --out.");
        }

        CheckpointInfo info = Describe(settings, file, say);
        using Detector model = new(info.Config);
        model.Initialize(settings.Seed);
        if (settings.Backbone is string backbone)
        {
            Say(say, WeightImport.LoadBackbone(model, backbone), $"{backbone}: the backbone");
        }

        if (file is not null)
        {
            Load(settings, model, file, say);
        }

        Checkpoint.Save(settings.Out, info, model);
        say($"written: {settings.Out} ({new FileInfo(settings.Out).Length / 1e6:N1} MB)");
    }

    private static void Load(ImportSettings settings, Detector model, StateDict file, Action<string> say)
    {
        ImportReport report = WeightImport.Load(model, file, settings.MayBePartial);
        string wrapper = file.Wrapper.Length > 0 ? $" in {file.Wrapper}" : "", others = file.Others.Count > 0 ? $"; left aside: {Some(file.Others)}" : "";
        Say(say, report, $"{file.Path}: {file.Form}, {file.Names.Count} arrays{wrapper}{others}");
        if (!report.IsComplete && !settings.MayBePartial)
        {
            throw new CheckpointException(
                $"{file.Path} does not fill the model {settings.Model}: {report.Missing.Count} arrays are missing and {report.Reshaped.Count} have "
                + "another shape. Nothing was written; with --partial they start afresh.");
        }
    }

    private static void Say(Action<string> say, ImportReport report, string title)
    {
        say(title);
        foreach (string line in report.Lines())
        {
            say($"  {line}");
        }
    }

    private static CheckpointInfo Describe(ImportSettings settings, StateDict? file, Action<string> say)
    {
        DataIdentity data = new(settings.Weights ?? settings.Backbone ?? "", 0, 0);
        ClassName[] classes;
        if (settings.Data is string folder)
        {
            DatasetPart part = DatasetFolder.OpenTrain(folder);
            classes = [.. part.File.Categories.Select(category => new ClassName(category.Id, category.Name))];
            data = new DataIdentity(Path.GetFullPath(folder), part.File.Images.Count, part.File.UsableCount);
            string[] names = [.. classes.Select(one => one.Name)];
            if (file?.Classes.Count == classes.Length && !file.Classes.SequenceEqual(names))
            {
                say($"note: {file.Path} calls its classes otherwise ({Some(file.Classes)}) than {part.File.Path} ({Some(names)}): the order decides");
            }
        }
        else if (file?.Classes.Count > 0)
        {
            classes = [.. file.Classes.Select((name, i) => new ClassName(i + 1, name))];
        }
        else
        {
            int count = settings.Configure(HeadRows(file)).Classes;
            classes = [.. Enumerable.Range(1, count).Select(i => new ClassName(i, $"class {i}"))];
        }

        say($"model: {settings.Model}, {classes.Length} classes ({Some(classes.Select(one => one.Name))})"
            + (settings.Data is null ? $" with the ids 1 to {classes.Length}; --data takes names and ids of a data set" : ""));
        DetectorConfig config = settings.Configure(classes.Length);
        return new CheckpointInfo
        {
            Model = settings.Model,
            Config = config with { Backbone = config.Backbone.Pretrained() },
            Classes = classes,
            Recipe = RecipeBook.For(settings.Model) with { Seed = settings.Seed },
            Data = data,
        };
    }

    /// <summary>How many classes the file's query head tells apart.</summary>
    private static int? HeadRows(StateDict? file)
    {
        string? head = file?.Names.FirstOrDefault(name => name.Contains("cls_branches.0.", StringComparison.Ordinal));
        return head is not null && file!.ShapeOf(head) is { Length: > 0 } shape ? shape[0] : null;
    }

    private static string Some(IEnumerable<string> names)
    {
        string[] first = [.. names.Take(4)];
        return string.Join(", ", first.Take(3)) + (first.Length > 3 ? ", …" : "");
    }
}
