using System.Net;
using System.Text;
using CoDetr.Data;

namespace CoDetr.Training;

/// <summary>The page of a run: one file with everything in it, for light and dark screens.</summary>
internal static class ReportPage
{
    private const string Style = """
        :root { color-scheme: light dark; --ink: #1f2937; --soft: #6b7280; --paper: #f9fafb; --card: #ffffff; --line: #e5e7eb; --accent: #2563eb; }
        @media (prefers-color-scheme: dark) {
          :root { --ink: #e5e7eb; --soft: #9ca3af; --paper: #0b1120; --card: #111827; --line: #374151; --accent: #60a5fa; }
        }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 1200px; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
        h1 { margin: 0; font-size: 1.7rem; } h2 { margin: 2.2rem 0 .8rem; font-size: 1.15rem; }
        .soft { color: var(--soft); margin: .2rem 0 1.4rem; }
        .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: .8rem; }
        .card, figure { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .8rem 1rem; margin: 0; }
        .card b { display: block; font-size: 1.6rem; line-height: 1.2; color: var(--accent); font-variant-numeric: tabular-nums; }
        .card span { color: var(--soft); font-size: .85rem; }
        .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: .8rem; }
        img { display: block; max-width: 100%; height: auto; margin: auto; border-radius: 6px; }
        table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line); border-radius: 10px; font-variant-numeric: tabular-nums; }
        th, td { text-align: right; padding: .35rem .8rem; border-top: 1px solid var(--line); } th { color: var(--soft); font-weight: 500; border-top: 0; }
        th:first-child, td:first-child { text-align: left; }
        code { background: var(--card); border: 1px solid var(--line); border-radius: 5px; padding: .1rem .35rem; overflow-wrap: anywhere; }
        @media (max-width: 480px) { .pair { grid-template-columns: 1fr; } }
        """;

    internal static string Html(
        CheckpointInfo info, RunCurves curves, Evaluation evaluation, CocoFile truth, string loss, string precision, string sheet)
    {
        CocoScores scores = evaluation.Scores;
        StringBuilder page = new();
        page.Append($"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        page.Append($"<title>{Text(info.Model)} · AP {Percent(scores.Ap)}</title>\n<style>\n{Style}\n</style>\n</head>\n<body>\n");
        page.Append($"<h1>{Text(info.Model)}</h1>\n<p class=\"soft\">trained on {Text(info.Data.Folder)}: {info.Data.Images} pictures, {info.Data.Objects} objects, ");
        page.Append($"{info.Classes.Count} classes · {info.Progress.EvaluatedEpochs} of {info.Recipe.Epochs} epochs, {info.Progress.Step} steps · seed {info.Recipe.Seed}</p>\n");
        page.Append("<div class=\"cards\">\n");
        Card(page, Percent(scores.Ap), "AP");
        Card(page, Percent(scores.Ap50), "AP50");
        Card(page, Percent(scores.Ap75), "AP75");
        Card(page, $"{Percent(info.Progress.BestAp)}", $"best AP, epoch {info.Progress.BestEpoch}");
        Card(page, $"{TimeSpan.FromSeconds(curves.Seconds):h\\:mm\\:ss}", "steps and evaluations");
        Card(page, $"{curves.ImagesPerSecond:F1}", "training images/s");
        Card(page, $"{curves.PeakMebibytes:F0} MiB", "most tensor memory");
        page.Append($"</div>\n<h2>Curves</h2>\n<div class=\"pair\">\n<figure>{precision}</figure>\n<figure>{loss}</figure>\n</div>\n");
        page.Append("<h2>Figures</h2>\n");
        Table(page, ["", .. LogLines.Figures(scores).Select(f => f.Name)], [["all classes", .. LogLines.Figures(scores).Select(f => Percent(f.Value))]]);
        page.Append("<h2>Classes</h2>\n");
        Table(page, ["class", "AP", "AP50", "AP75"], scores.Classes.Select(c => new[] { truth.Categories[c.Label].Name, Percent(c.Ap), Percent(c.Ap50), Percent(c.Ap75) }));
        page.Append($"<h2>Validation pictures</h2>\n<figure>{sheet}</figure>\n<h2>Losses</h2>\n<p class=\"soft\">weights included, averaged over the last 100 steps</p>\n");
        Table(page, ["loss", "value"], curves.LastLosses.Select(l => new[] { l.Name, $"{l.Value:F4}" }));
        page.Append("<h2>Go on</h2>\n<p>Find objects in a picture: <code>codetr detect PICTURE --weights ").Append(RunFolder.BestName);
        page.Append("</code><br>Files: the log <code>log.jsonl</code>, one JSON line a step; the settings <code>run.json</code>; curves <code>ap.svg</code>, <code>loss.svg</code>.</p>\n");
        return page.Append("</body>\n</html>\n").ToString();
    }

    private static void Card(StringBuilder page, string value, string what) => page.Append($"<div class=\"card\"><b>{value}</b><span>{Text(what)}</span></div>\n");

    private static void Table(StringBuilder page, IEnumerable<string> head, IEnumerable<string[]> rows)
    {
        page.Append($"<table>\n<tr>{string.Concat(head.Select(cell => $"<th>{Text(cell)}</th>"))}</tr>\n");
        foreach (string[] row in rows)
        {
            page.Append($"<tr>{string.Concat(row.Select(cell => $"<td>{Text(cell)}</td>"))}</tr>\n");
        }

        page.Append("</table>\n");
    }

    private static string Percent(double value) => value < 0 ? "–" : $"{100 * value:F1}";

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
