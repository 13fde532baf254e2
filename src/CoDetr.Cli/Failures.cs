using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Training;

namespace CoDetr.Cli;

/// <summary>Turns exceptions into one line for people.</summary>
internal static class Failures
{
    /// <summary>Runs a verb's work.</summary>
    /// <returns>The exit code.</returns>
    internal static int Guard(Terminal terminal, bool verbose, Func<int> work)
    {
        try
        {
            return work();
        }
        catch (Exception e)
        {
            terminal.Error.WriteLine($"error: {Describe(e)}");
            if (verbose)
            {
                terminal.Error.WriteLine(e);
            }

            return ExitCode.Error;
        }
    }

    private static string Describe(Exception e) => e switch
    {
        DataException or RunException or ConfigException or CheckpointException or DeviceMemoryException or DeviceException => OneLine(e.Message),
        IOException or UnauthorizedAccessException => OneLine(e.Message),
        DllNotFoundException => OneLine(e.Message),
        _ => $"unexpected {e.GetType().Name}: {OneLine(e.Message)} Run again with --verbose for the details, and please report it.",
    };

    private static string OneLine(string message) => string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
