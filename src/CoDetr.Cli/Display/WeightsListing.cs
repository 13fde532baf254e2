using CoDetr.Tensors;
using Spectre.Console;

namespace CoDetr.Cli;

/// <summary>What a weights file holds, in its own order.</summary>
internal static class WeightsListing
{
    internal static void Show(Terminal terminal, string path)
    {
        using StateDict file = StateDict.Open(path);
        long numbers = file.Names.Sum(name => file.ShapeOf(name).Count);
        terminal.Say($"{path}: {file.Form}, {file.Names.Count} arrays{(file.Wrapper.Length > 0 ? $" in {file.Wrapper}" : "")}, {numbers:N0} numbers");
        Say(terminal, "left aside", file.Others);
        Say(terminal, "averages", file.Averages);
        Say(terminal, $"{file.Classes.Count} classes", file.Classes);
        Table table = new Table().Border(TableBorder.Simple).AddColumns("array", "holds");
        foreach (string name in file.Names)
        {
            table.AddRow(new Text(name), new Text($"{file.DTypeOf(name)}{file.ShapeOf(name)}"));
        }

        terminal.Console.Write(table);
    }

    private static void Say(Terminal terminal, string what, IReadOnlyList<string> names)
    {
        if (names.Count > 0)
        {
            terminal.Say($"  {what}: {string.Join(", ", names)}");
        }
    }
}
