using System.CommandLine;
using CoDetr.Tensors;
using Spectre.Console;

namespace CoDetr.Cli;

/// <summary><c>codetr devices</c>: what was found, what will be used.</summary>
internal static class DevicesVerb
{
    internal static Command Command(Terminal terminal)
    {
        Option<int> workers = Settings.Workers();
        Command command = new("devices", "Show what was found to compute with, and what will be used") { workers };
        command.SetAction(parsed => Failures.Guard(terminal, parsed.GetValue(Settings.Verbose), () =>
        {
            Settings.UseWorkers(parsed.GetValue(workers));
            Grid grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();
            foreach ((string name, string found) in DeviceReport.Lines())
            {
                grid.AddRow(new Text(name), new Text(found));
            }

            terminal.Console.Write(grid);
            return ExitCode.Success;
        }));
        return command;
    }
}
