using CoDetr.Data;
using CoDetr.Training;

namespace CoDetr.Cli;

/// <summary>What must hold between a checkpoint and a data set.</summary>
internal static class ModelFile
{
    /// <summary>Sees that labels mean the same in both.</summary>
    internal static void RequireClasses(Checkpoint checkpoint, CocoFile file)
    {
        ClassName[] listed = [.. file.Categories.Select(category => new ClassName(category.Id, category.Name))];
        if (!listed.SequenceEqual(checkpoint.Info.Classes))
        {
            throw new RunException(
                $"{file.Path} lists other classes ({Some(listed)}) than the checkpoint was trained with ({Some(checkpoint.Info.Classes)}); use its own data set.");
        }
    }

    private static string Some(IReadOnlyList<ClassName> classes) =>
        $"{classes.Count}: {string.Join(", ", classes.Take(3).Select(c => c.Name))}{(classes.Count > 3 ? ", …" : "")}";
}
