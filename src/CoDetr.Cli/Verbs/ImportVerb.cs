using System.CommandLine;
using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Training;

namespace CoDetr.Cli;

/// <summary><c>codetr import</c>: somebody else's weights become a checkpoint, and nothing is lost silently.</summary>
internal static class ImportVerb
{
    internal static Command Command(Terminal terminal)
    {
        Argument<string?> weights = new("FILE")
        {
            Description = "Weights of a detector under the official names: .pth or .safetensors. Nothing in it is run",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> model = Settings.ModelOrNone();
        Option<string?> config = new("--config")
        {
            Description = "Configuration of the reference implementation as JSON, in place of --model",
            HelpName = "FILE.json",
        };
        Option<string?> backbone = new("--backbone") { Description = Settings.BackboneHelp, HelpName = "FILE" };
        Option<string?> data = new("--data")
        {
            Description = "Data set whose classes the model shall know; heads of another number start afresh [default: the classes of FILE]",
            HelpName = "DIR",
        };
        Option<string> output = new("--out", "-o") { Description = "The checkpoint to write", HelpName = "FILE.safetensors", Required = true };
        Option<bool> partial = new("--partial") { Description = "Write it also if arrays are missing or have another shape: those start afresh" };
        Option<long> seed = new("--seed") { Description = "What starts afresh follows from it [default: 0]", HelpName = "N" };
        Command command = new("import", "Make a checkpoint from published weights, with a report of every array")
        {
            weights, model, config, backbone, data, output, partial, seed,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(model) is null == result.GetValue(config) is null)
            {
                result.AddError("Say what the weights are of: --model NAME or --config FILE.json.");
            }
            else if (result.GetValue(weights) is null && result.GetValue(backbone) is null)
            {
                result.AddError("FILE is missing: which weights to import? (Or --backbone FILE for a backbone alone.)");
            }
        });
        command.SetAction(parsed => Failures.Guard(terminal, parsed.GetValue(Settings.Verbose), () =>
        {
            Device.Default = Device.Open("cpu");
            string? name = parsed.GetValue(model), file = parsed.GetValue(config);
            ImportSettings settings = new()
            {
                Model = name ?? Path.GetFileNameWithoutExtension(file!),
                Configure = name is not null ? ByName(name) : ByFile(file!),
                Weights = parsed.GetValue(weights),
                Backbone = parsed.GetValue(backbone),
                Data = parsed.GetValue(data),
                Out = parsed.GetRequiredValue(output),
                MayBePartial = parsed.GetValue(partial),
                Seed = parsed.GetValue(seed),
            };
            ModelImport.Run(settings, terminal.Say);
            return ExitCode.Success;
        }));
        return command;
    }

    private static Func<int?, DetectorConfig> ByName(string name) => classes => ModelZoo.Config(
        name, classes ?? throw new RunException("The weights do not say for how many classes the model is; name a data set with --data DIR."));

    private static Func<int?, DetectorConfig> ByFile(string path)
    {
        DetectorConfig config = ReferenceConfig.ReadFile(path);
        return classes => config with { Classes = classes ?? config.Classes };
    }
}
