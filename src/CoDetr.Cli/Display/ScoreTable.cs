using CoDetr.Data;
using CoDetr.Training;
using Spectre.Console;

namespace CoDetr.Cli;

/// <summary>COCO's figures as a table.</summary>
internal static class ScoreTable
{
    internal static void Show(Terminal terminal, Evaluation evaluation, CocoFile truth)
    {
        CocoScores s = evaluation.Scores;
        Table table = new Table().Border(TableBorder.Simple).AddColumn("").AddColumns(
            new TableColumn("AP").RightAligned(), new TableColumn("AP50").RightAligned(), new TableColumn("AP75").RightAligned(),
            new TableColumn("APs").RightAligned(), new TableColumn("APm").RightAligned(), new TableColumn("APl").RightAligned());
        foreach (ClassScores c in s.Classes.Where(_ => s.Classes.Count == truth.Categories.Count)) // else they were counted as one
        {
            Row(table, truth.Categories[c.Label].Name, c.Ap, c.Ap50, c.Ap75, c.ApSmall, c.ApMedium, c.ApLarge);
        }

        Row(table, "all", s.Ap, s.Ap50, s.Ap75, s.ApSmall, s.ApMedium, s.ApLarge);
        terminal.Console.Write(table);
        terminal.Say($"AR1 {Percent(s.ArLow)}  AR10 {Percent(s.ArMiddle)}  AR100 {Percent(s.ArHigh)}  ARs {Percent(s.ArSmall)}  ARm {Percent(s.ArMedium)}  ARl {Percent(s.ArLarge)}");
        terminal.Say($"{truth.Images.Count} pictures in {evaluation.Seconds:F1} s ({truth.Images.Count / evaluation.Seconds:F1} pictures/s)");
    }

    internal static string Percent(double value) => value < 0 ? "-" : $"{100 * value:F1}";

    private static void Row(Table table, string name, params double[] values) => table.AddRow([new Text(name), .. values.Select(v => new Text(Percent(v)))]);
}
