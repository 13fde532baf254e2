using System.CommandLine;
using CoDetr.Data;
using Spectre.Console;

namespace CoDetr.Cli;

/// <summary><c>codetr inspect</c>: counts, sizes, classes, and every problem of a data set; or the arrays of a weights file.</summary>
internal static class InspectVerb
{
    internal static Command Command(Terminal terminal)
    {
        Argument<string> path = new("PATH") { Description = "Folder of a data set in COCO format, or a weights file (.pth, .safetensors)" };
        Option<int> workers = Settings.Workers();
        Command command = new("inspect", "Look over a data set: counts, sizes, boxes a picture, classes, every problem; or list what a weights file holds")
        {
            path, workers,
        };
        command.SetAction(parsed => Failures.Guard(terminal, parsed.GetValue(Settings.Verbose), () =>
        {
            if (File.Exists(parsed.GetRequiredValue(path)))
            {
                WeightsListing.Show(terminal, parsed.GetRequiredValue(path));
                return ExitCode.Success;
            }

            DatasetReport report = DatasetReport.Inspect(parsed.GetRequiredValue(path), parsed.GetValue(workers));
            foreach (PartReport part in report.Parts)
            {
                Show(terminal, part);
            }

            foreach (string problem in report.Problems)
            {
                terminal.Say($"problem: {problem}");
            }

            terminal.Say(report.IsClean ? "No problem was found." : $"{report.Problems.Count + report.Parts.Sum(p => p.Problems.Count)} problems were found.");
            return ExitCode.Success;
        }));
        return command;
    }

    private static void Show(Terminal terminal, PartReport part)
    {
        terminal.Say($"{part.Name}: {part.Images} pictures ({part.EmptyImages} without objects), {part.Usable} of {part.Annotations} annotations usable, {part.Crowds} crowds");
        terminal.Say($"  {part.AnnotationPath}, pictures in {(part.ImageFolder.Length > 0 ? part.ImageFolder : "(not found)")}");
        Table sizes = new Table().Border(TableBorder.Simple).AddColumns("", "least", "median", "mean", "most");
        Row(sizes, "objects a picture", part.BoxesPerImage);
        Row(sizes, "picture width", part.ImageWidths);
        Row(sizes, "picture height", part.ImageHeights);
        Row(sizes, "box width", part.BoxWidths);
        Row(sizes, "box height", part.BoxHeights);
        terminal.Console.Write(sizes);
        terminal.Say($"  boxes by area: {part.Areas.Small} small (below 32²), {part.Areas.Medium} medium, {part.Areas.Large} large (from 96²)");

        Table classes = new Table().Border(TableBorder.Simple).AddColumns("label", "id", "class", "boxes", "pictures");
        foreach ((ClassCount one, int label) in part.Classes.Select((one, label) => (one, label)))
        {
            classes.AddRow(new Text($"{label}"), new Text($"{one.Id}"), new Text(one.Name), new Text($"{one.Boxes}"), new Text($"{one.Images}"));
        }

        terminal.Console.Write(classes);
        foreach (string problem in part.Problems)
        {
            terminal.Say($"problem: {problem}");
        }
    }

    private static void Row(Table table, string what, Spread spread) =>
        table.AddRow(what, $"{spread.Least:0.#}", $"{spread.Median:0.#}", $"{spread.Mean:0.0}", $"{spread.Most:0.#}");
}
