using CoDetr.Data;
using CoDetr.Detection;

namespace CoDetr.Training;

/// <summary>What is looked at before a training begins, so that it does not end in its middle.</summary>
internal static class DataChecks
{
    /// <summary>Sees that data, recipe and model fit, and passes on what is odd.</summary>
    internal static void Check(
        DatasetPart train, DatasetPart validation, Recipe recipe, Loader loader, DetectorConfig config, Action<string> note)
    {
        if (loader.StepsPerEpoch < recipe.Accumulate)
        {
            throw new RunException(
                $"{train.File.Path}: an update of {recipe.Accumulate} batches of {recipe.BatchSize} is larger than the data set of {loader.ImageCount} images; "
                + "lower --accumulate or --batch.");
        }

        if (!train.File.Categories.Select(c => (c.Id, c.Name)).SequenceEqual(validation.File.Categories.Select(c => (c.Id, c.Name))))
        {
            throw new RunException($"{validation.File.Path} lists other classes than {train.File.Path}; both must list the same categories.");
        }

        foreach (DatasetPart part in new[] { train, validation })
        {
            foreach (DataWarning warning in part.File.Warnings)
            {
                note($"{part.Name}: {warning.Message}");
            }
        }

        CocoImage[] crowded = [.. train.File.Images.Where(image => image.Annotations.Count(a => a.IsUsable) > config.Queries)];
        if (crowded.Length > 0)
        {
            note($"{train.Name}: {crowded.Length} image{(crowded.Length == 1 ? "" : "s")} with more objects than the model's {config.Queries} queries: "
                + $"no more than that can be found (first: {crowded[0].FileName})");
        }
    }

    /// <summary>For each class the pictures that show it.</summary>
    internal static int[] ImagesPerClass(CocoFile file)
    {
        int[] counts = new int[file.Categories.Count];
        foreach (int label in file.Images.SelectMany(image => image.Annotations.Where(a => a.IsUsable).Select(a => a.Label).Distinct()))
        {
            counts[label]++;
        }

        return counts;
    }

    /// <summary>The description of a new run.</summary>
    internal static CheckpointInfo Describe(DatasetPart part, string folder, Recipe recipe)
    {
        DetectorConfig config = ModelZoo.Config(recipe.Model, part.File.Categories.Count, recipe.Collaboration);
        return new CheckpointInfo
        {
            Model = recipe.Model,
            Config = recipe.Backbone is null ? config : config with { Backbone = config.Backbone.Pretrained() },
            Classes = [.. part.File.Categories.Select(category => new ClassName(category.Id, category.Name))],
            Recipe = recipe,
            Data = new DataIdentity(Path.GetFullPath(folder), part.File.Images.Count, part.File.UsableCount),
        };
    }

    /// <summary>The description of a saved run, if its data are still what they were.</summary>
    internal static CheckpointInfo Same(CheckpointInfo info, DatasetPart part, string folder)
    {
        (int images, int objects) = (part.File.Images.Count, part.File.UsableCount);
        bool sameClasses = part.File.Categories.Select(c => new ClassName(c.Id, c.Name)).SequenceEqual(info.Classes);
        if ((images, objects) != (info.Data.Images, info.Data.Objects) || !sameClasses)
        {
            throw new RunException(
                $"{part.File.Path}: the run began with {info.Data.Images} images, {info.Data.Objects} objects and {info.Classes.Count} classes; here are "
                + $"{images}, {objects} and {part.File.Categories.Count}{(sameClasses ? "" : " (classes differ)")}. Resume with the same data.");
        }

        return info with { Data = info.Data with { Folder = Path.GetFullPath(folder) } };
    }
}
