using System.CommandLine;
using CoDetr.Tensors;

namespace CoDetr.Cli;

/// <summary><c>codetr devices</c>: what was found, what will be used.</summary>
internal static class DevicesVerb
{
    internal static Command Command(Terminal terminal)
    {
        Option<int> workers = Settings.Workers();
        Command command = new("devices", "Show what was found to compute with, and what will be used") { Settings.On, workers };
        command.SetAction(parsed => Failures.Guard(terminal, parsed.GetValue(Settings.Verbose), () =>
        {
            foreach ((string name, string found) in DeviceReport.Lines(parsed.GetValue(Settings.On), parsed.GetValue(workers)))
            {
                terminal.Output.WriteLine($"{name,-18}{found}");
            }

            return ExitCode.Success;
        }));
        return command;
    }
}
