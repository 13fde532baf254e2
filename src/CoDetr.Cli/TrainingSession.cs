using CoDetr.Tensors;
using CoDetr.Training;

namespace CoDetr.Cli;

/// <summary>A training as people see it: what is trained, how it goes, what came of it, and what a signal does.</summary>
internal static class TrainingSession
{
    /// <summary>Runs a training to its end or to a signal.</summary>
    /// <returns>The exit code.</returns>
    internal static int Run(Terminal terminal, TrainingSettings settings, Func<TrainingEvents, Trainer> prepare)
    {
        using StopSignals signals = new(() => terminal.Warn("stopping after this step, then saving; once more ends at once without saving"));
        TrainingDisplay display = new(terminal);
        bool finished;
        using Trainer trainer = prepare(display.Events);
        Announce(terminal, trainer);
        finished = display.Show(trainer.Info.Progress.Step, trainer.Steps, () => trainer.Run(signals.Token));
        RunFolder folder = new(settings.Out);
        if (!finished)
        {
            terminal.Say($"Saved at step {trainer.Info.Progress.Step} of {trainer.Steps}. Go on with: codetr train --resume {settings.Out}");
            return signals.Code;
        }

        Progress progress = trainer.Info.Progress;
        terminal.Say($"Done: {progress.Step} steps, best AP {ScoreTable.Percent(progress.BestAp)} after epoch {progress.BestEpoch}.");
        terminal.Say($"Look at {folder.Page}; weights: {folder.Best}; log: {folder.Log}");
        terminal.Say($"Find objects in a picture: codetr detect PICTURE --weights {folder.Best}");
        return ExitCode.Success;
    }

    private static void Announce(Terminal terminal, Trainer trainer)
    {
        CheckpointInfo info = trainer.Info;
        Recipe recipe = info.Recipe;
        terminal.Say($"{info.Model} on {info.Data.Folder}: {info.Data.Images} pictures, {info.Data.Objects} objects, {info.Classes.Count} classes; {Device.Default.Description}");
        string accumulated = recipe.Accumulate > 1 ? $" × {recipe.Accumulate}" : "";
        string precision = recipe.Precision == DType.F32 ? "" : $", {recipe.Precision.ToString().ToLowerInvariant()}";
        terminal.Say(
            $"{recipe.Epochs} epochs of {trainer.StepsPerEpoch} steps, batch {recipe.BatchSize}{accumulated}, {recipe.Optimizer} lr {recipe.Schedule.Rate}, seed {recipe.Seed}{precision}"
            + (info.Progress.Step > 0 ? $"; going on after step {info.Progress.Step}" : ""));
    }
}
