using System.Diagnostics;
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

    /// <summary>One call in a process of its own, with another environment; null takes a variable away.</summary>
    internal static CliRun Child(IReadOnlyDictionary<string, string?> environment, params string[] args)
    {
        ProcessStartInfo start = new(Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "codetr.dll"));
        Array.ForEach(args, start.ArgumentList.Add);
        foreach ((string name, string? value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process child = Process.Start(start)!;
        Task<string> error = child.StandardError.ReadToEndAsync(), output = child.StandardOutput.ReadToEndAsync();
        if (!child.WaitForExit(TimeSpan.FromMinutes(3)))
        {
            child.Kill(entireProcessTree: true);
            Assert.Fail($"codetr {string.Join(' ', args)} did not end: {error.Result}");
        }

        return new CliRun(child.ExitCode, output.Result, error.Result);
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
