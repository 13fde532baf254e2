using Spectre.Console;

namespace CoDetr.Cli;

/// <summary>Where the program writes: results to one place, errors and warnings to the other.</summary>
internal sealed class Terminal
{
    /// <summary>Writes to anything, for example in tests; never interactive.</summary>
    internal Terminal(TextWriter output, TextWriter error)
        : this(output, error, interactive: false)
    {
    }

    private Terminal(TextWriter output, TextWriter error, bool interactive)
    {
        (Output, Error, IsInteractive) = (output, error, interactive);
        Console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(output),
            Ansi = interactive ? AnsiSupport.Detect : AnsiSupport.No,
            Interactive = interactive ? InteractionSupport.Detect : InteractionSupport.No,
            ColorSystem = interactive ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        });
        if (!interactive)
        {
            Console.Profile.Width = 160; // files and pipes have no width
        }
    }

    /// <summary>Plain results.</summary>
    internal TextWriter Output { get; }

    /// <summary>Errors and warnings.</summary>
    internal TextWriter Error { get; }

    /// <summary>Tables and live display.</summary>
    internal IAnsiConsole Console { get; }

    /// <summary>Whether a person watches: then progress is live, else plain lines.</summary>
    internal bool IsInteractive { get; }

    internal static Terminal OfProcess() => new(
        System.Console.Out, System.Console.Error, !System.Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb"));

    /// <summary>One plain line.</summary>
    internal void Say(string line) => Console.WriteLine(line);

    /// <summary>One line that people should read.</summary>
    internal void Warn(string line) => Error.WriteLine($"warning: {line}");
}
