using System.CommandLine;
using CoDetr.Training;

namespace CoDetr.Cli;

/// <summary><c>codetr train</c>: a training from its beginning, or from where it was saved.</summary>
internal static class TrainVerb
{
    internal static Command Command(Terminal terminal)
    {
        Option<string?> data = new("--data") { Description = Settings.Data.Description, HelpName = "DIR" };
        Option<string?> folder = new("--out", "-o") { Description = "Folder of the run [default: runs/MODEL]", HelpName = "DIR" };
        Option<string?> resume = new("--resume") { Description = "Go on with the run in this folder, to the same bits as without the interruption", HelpName = "RUN" };
        Option<string?> repeat = new("--repeat") { Description = "Repeat a step that ended in NaN, from the file that it left, and name the first op", HelpName = "FILE" };
        Option<int> workers = Settings.Workers();
        Option<int?> saveEvery = Settings.Whole("--save-every", "Steps between saves [default: after each epoch and every few minutes]", 1);
        RecipeOptions recipe = new();
        Command command = new("train", "Train a detector on a data set in COCO format") { data, folder, resume, repeat, Settings.On, workers, saveEvery };
        recipe.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(data) is null && result.GetValue(resume) is null && result.GetValue(repeat) is null)
            {
                result.AddError("--data DIR is missing: which pictures to learn from?");
            }

            if (result.GetValue(resume) is not null && recipe.GivenBesidesEpochs(result) is string name)
            {
                result.AddError($"{name} cannot change when a run is resumed: it keeps its own settings (only --epochs may).");
            }
        });
        command.SetAction(parsed => Failures.Guard(terminal, parsed.GetValue(Settings.Verbose), () =>
        {
            int loaders = Settings.UseDevice(parsed, workers);
            if (parsed.GetValue(repeat) is string failed)
            {
                terminal.Say($"{failed}: {FailedStep.Repeat(failed)}.");
                return ExitCode.Success;
            }

            string? run = parsed.GetValue(resume);
            TrainingSettings settings = new()
            {
                Data = parsed.GetValue(data) ?? "",
                Out = run ?? parsed.GetValue(folder) ?? Path.Combine("runs", parsed.GetRequiredValue(recipe.Model)),
                LoaderWorkers = loaders,
                SaveEvery = parsed.GetValue(saveEvery) ?? 0,
            };
            return TrainingSession.Run(terminal, settings, events => run is null
                ? Trainer.Start(settings, recipe.Read(parsed), events)
                : Trainer.Resume(settings, saved => recipe.ReadEpochs(parsed) is int epochs ? saved with { Epochs = epochs } : saved, events));
        }));
        return command;
    }
}
