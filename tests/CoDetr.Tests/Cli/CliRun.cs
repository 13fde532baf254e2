using CoDetr.Cli;

namespace CoDetr.Tests.Cli;

/// <summary>One call of the program within this process: exit code and what it wrote.</summary>
internal sealed record CliRun(int Code, string Output, string Error)
{
    internal static CliRun Of(params string[] args)
    {
        StringWriter output = new(), error = new();
        int code = CommandLine.Run(args, new Terminal(output, error));
        return new CliRun(code, output.ToString(), error.ToString());
    }

    /// <summary>Sees that the call failed with exactly one line, which holds every part and no stack trace.</summary>
    internal void FailsWith(int code, params string[] parts)
    {
        Assert.Equal(code, Code);
        string[] lines = [.. Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith("warning: ", StringComparison.Ordinal))];
        string line = Assert.Single(lines);
        Assert.StartsWith("error: ", line, StringComparison.Ordinal);
        Assert.DoesNotContain("unexpected", line, StringComparison.Ordinal);
        Assert.All(parts, part => Assert.Contains(part, line, StringComparison.Ordinal));
    }
}
