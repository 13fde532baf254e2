using System.CommandLine;
using System.CommandLine.Parsing;

namespace CoDetr.Cli;

/// <summary>The whole command line: its verbs, what is said about mistakes, and the exit code.</summary>
internal static class CommandLine
{
    /// <summary>Parses and runs.</summary>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    internal static int Run(string[] args, Terminal terminal)
    {
        RootCommand root = new($"Co-DETR with no Python: train object detectors, look for objects. {ExitCode.Help}")
        {
            DemoVerb.Command(terminal),
            TrainVerb.Command(terminal),
            EvaluateVerb.Command(terminal),
            DetectVerb.Command(terminal),
            ImportVerb.Command(terminal),
            DevicesVerb.Command(terminal),
            InspectVerb.Command(terminal),
            CompareVerb.Command(terminal),
        };
        root.Options.Add(Settings.Verbose);
        root.Options.Add(Settings.NoCache);
        ParseResult parsed = root.Parse(args);
        if (args.Length > 0 && Mistake(parsed) is string mistake)
        {
            terminal.Error.WriteLine($"error: {mistake} See {Path(parsed.CommandResult)} --help.");
            return ExitCode.Usage;
        }

        if (parsed.GetValue(Settings.NoCache))
        {
            Environment.SetEnvironmentVariable("CODETR_CACHE", "0");
        }

        InvocationConfiguration configuration = new()
        {
            Output = terminal.Output,
            Error = terminal.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };
        return args.Length == 0 ? root.Parse("--help").Invoke(configuration) : parsed.Invoke(configuration);
    }

    /// <summary>The first mistake, in words; null if there is none.</summary>
    private static string? Mistake(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        IEnumerable<string> options = command.Options.Append(Settings.Verbose).Append(Settings.NoCache).SelectMany(option => option.Aliases.Append(option.Name)).Append("--help");
        IEnumerable<string> strays = parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens).Select(token => token.Value);
        string? unknown = parsed.UnmatchedTokens.Concat(strays).FirstOrDefault(token => token.Length > 1 && token[0] == '-' && !File.Exists(token));
        if (unknown is not null)
        {
            string name = unknown.Split('=')[0];
            return $"{Path(parsed.CommandResult)} has no option {name}{Nearest.Hint(name, options)}";
        }

        if (parsed.UnmatchedTokens.Count > 0)
        {
            string word = parsed.UnmatchedTokens[0];
            return command.Subcommands.Count > 0
                ? $"there is no verb '{word}'{Nearest.Hint(word, command.Subcommands.Select(verb => verb.Name))}"
                : $"{Path(parsed.CommandResult)} cannot use '{word}'.";
        }

        return parsed.Errors.Count > 0 && parsed.Action is not System.CommandLine.Help.HelpAction ? parsed.Errors[0].Message : null;
    }

    private static string Path(CommandResult result) => result.Parent is CommandResult ? $"codetr {result.Command.Name}" : "codetr";
}
