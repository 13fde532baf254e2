using System.CommandLine;
using CoDetr.Training;

namespace CoDetr.Cli;

/// <summary><c>codetr demo</c>: from nothing to a detector and a page that shows it, on the data that come with the project.</summary>
internal static class DemoVerb
{
    private const string DataFolder = "data/digits-tiny";

    internal static Command Command(Terminal terminal)
    {
        Option<string> folder = new("--out", "-o") { Description = "Folder of the run; what is in it is replaced", HelpName = "DIR", DefaultValueFactory = _ => "runs/demo" };
        Option<string?> data = new("--data") { Description = $"Another data set in COCO format [default: {DataFolder} of the project]", HelpName = "DIR" };
        Option<int?> epochs = Settings.Whole("--epochs", $"Passes over the data [default: {RecipeBook.Demo.Epochs}]", 1);
        Option<int> workers = Settings.Workers();
        Command command = new("demo", "Train a small detector on handwritten digits in a few minutes and show what it finds") { folder, data, epochs, Settings.On, workers };
        command.SetAction(parsed => Failures.Guard(terminal, parsed.GetValue(Settings.Verbose), () =>
        {
            TrainingSettings settings = new()
            {
                Data = parsed.GetValue(data) ?? FindData(),
                Out = parsed.GetRequiredValue(folder),
                LoaderWorkers = Settings.UseDevice(parsed, workers),
                Overwrite = true,
            };
            Recipe recipe = RecipeBook.Demo.WithEpochs(parsed.GetValue(epochs));
            return TrainingSession.Run(terminal, settings, events => Trainer.Start(settings, recipe, events));
        }));
        return command;
    }

    /// <summary>The data set beside the program or in a folder above it, or above where one is.</summary>
    private static string FindData()
    {
        foreach (string begin in new[] { Environment.CurrentDirectory, AppContext.BaseDirectory })
        {
            for (DirectoryInfo? folder = new(begin); folder is not null; folder = folder.Parent)
            {
                string candidate = Path.Combine(folder.FullName, DataFolder);
                if (Directory.Exists(candidate))
                {
                    return Path.GetRelativePath(Environment.CurrentDirectory, candidate);
                }
            }
        }

        throw new RunException($"{DataFolder} is neither beside the program nor above {Environment.CurrentDirectory}; say where it is with --data DIR.");
    }
}
