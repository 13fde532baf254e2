using System.CommandLine;
using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Training;

namespace CoDetr.Cli;

/// <summary><c>codetr evaluate</c>: COCO's figures of a checkpoint on a data set.</summary>
internal static class EvaluateVerb
{
    internal static Command Command(Terminal terminal)
    {
        Option<int> workers = Settings.Workers();
        Option<int?> batch = Settings.Whole("--batch", "Pictures at once; they are padded to the largest of them [default: as in training]", 1);
        Option<string> part = new("--part") { Description = "Which part of the data set", HelpName = "train|val|test", DefaultValueFactory = _ => "val" };
        part.AcceptOnlyFromAmong("train", "val", "test");
        Option<string?> results = new("--results") { Description = "Also write every detection as a COCO results file", HelpName = "FILE" };
        Option<bool> anyClass = new("--any-class") { Description = "Count a box as right whatever class it names: how well objects are found, not named" };
        Option<string> head = Settings.Head();
        Option<double?> nms = Settings.Nms();
        Option<string?> precision = Settings.Precision("as in training, f32 where there is no GPU");
        Command command = new("evaluate", "Compare what a checkpoint finds with the truth: COCO's twelve figures") { Settings.Weights, Settings.Data, part, batch, head, nms, anyClass, precision, results, Settings.On, workers };
        command.SetAction(parsed => Failures.Guard(terminal, parsed.GetValue(Settings.Verbose), () =>
        {
            int loaders = Settings.UseDevice(parsed, workers);
            using Checkpoint checkpoint = Checkpoint.Open(parsed.GetRequiredValue(Settings.Weights).FullName);
            DatasetPart data = DatasetFolder.Open(parsed.GetRequiredValue(Settings.Data), parsed.GetRequiredValue(part));
            ModelFile.RequireClasses(checkpoint, data.File);
            using Detector model = checkpoint.LoadModel();
            Settings.UseNms(model, parsed.GetValue(nms));
            model.Precision = parsed.GetValue(precision) is string name ? Precisions.Parse(name) : model.Precision;
            Recipe recipe = checkpoint.Info.Recipe;
            Evaluation evaluation = new Evaluator(model, recipe.Augmentation) { Head = parsed.GetRequiredValue(head) }.Evaluate(data, parsed.GetValue(batch) ?? recipe.BatchSize, loaders);
            if (parsed.GetValue(anyClass))
            {
                evaluation = evaluation with { Scores = CocoEvaluation.Evaluate(data.File, evaluation.Found, anyClass: true) };
            }

            ScoreTable.Show(terminal, evaluation, data.File);
            if (parsed.GetValue(results) is string path)
            {
                CocoResults.Write(path, data.File, evaluation.Found);
                terminal.Say($"Detections: {path}");
            }

            return ExitCode.Success;
        }));
        return command;
    }
}
