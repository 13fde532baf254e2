using System.CommandLine;
using CoDetr.Training;

namespace CoDetr.Cli;

/// <summary><c>codetr compare</c>: a figure of groups of runs, mean and deviation, as a table and a plot.</summary>
internal static class CompareVerb
{
    internal static Command Command(Terminal terminal)
    {
        Argument<(string Name, string Folder)[]> runs = new("NAME=RUN")
        {
            Description = "A run's folder and the group that it counts to: runs of one name differ in their seed",
            Arity = ArgumentArity.OneOrMore,
            CustomParser = result =>
            {
                (string Name, string Folder)[] pairs = [.. result.Tokens.Select(token => Pair(token.Value))];
                if (pairs.FirstOrDefault(pair => pair.Name.Length == 0 || pair.Folder.Length == 0) is { Folder: not null } wrong)
                {
                    result.AddError($"A run is given as NAME=RUN, got '{wrong.Name}{wrong.Folder}'.");
                }

                return pairs;
            },
        };
        Option<string> by = new("--by") { Description = "What they are compared over", HelpName = "epochs|minutes", DefaultValueFactory = _ => "epochs" };
        by.AcceptOnlyFromAmong("epochs", "minutes");
        Option<string> figure = new("--figure") { Description = "Which of COCO's figures", HelpName = "AP|AP50|…|AR100|…", DefaultValueFactory = _ => "AP" };
        figure.AcceptOnlyFromAmong([.. RunComparison.Figures]);
        Option<string?> plot = new("--plot") { Description = "Also draw the means with bands of one deviation", HelpName = "FILE.svg|FILE.png" };
        plot.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is string path && Path.GetExtension(path).ToUpperInvariant() is not (".SVG" or ".PNG"))
            {
                result.AddError($"--plot must be a file that ends in .svg or .png, got '{path}'.");
            }
        });
        Command command = new("compare", "Put runs side by side: AP or another figure over epochs or time, mean and deviation of their seeds, as a Markdown table and a plot") { runs, by, figure, plot };
        command.SetAction(parsed => Failures.Guard(terminal, parsed.GetValue(Settings.Verbose), () =>
        {
            RunComparison comparison = RunComparison.Read(
                parsed.GetRequiredValue(runs), parsed.GetRequiredValue(by) == "epochs" ? ComparisonAxis.Epochs : ComparisonAxis.Minutes, parsed.GetRequiredValue(figure));
            terminal.Output.Write(comparison.Table());
            if (parsed.GetValue(plot) is string path)
            {
                comparison.Draw(path);
            }

            return ExitCode.Success;
        }));
        return command;
    }

    /// <summary>The name goes to the last sign, for "K = 2=runs/a".</summary>
    private static (string Name, string Folder) Pair(string text)
    {
        int at = text.LastIndexOf('=');
        return at < 0 ? ("", text) : (text[..at], text[(at + 1)..]);
    }
}
