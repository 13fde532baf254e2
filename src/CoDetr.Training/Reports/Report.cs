using CoDetr.Data;
using ScottPlot;

namespace CoDetr.Training;

/// <summary>What a run shows people: curves as PNG and SVG, a sheet of pictures, and one page with all of it.</summary>
public static class Report
{
    private const int SheetPictures = 12;
    private const double SheetThreshold = 0.3;

    /// <summary>Writes the report of a run, in place of an older one.</summary>
    /// <param name="folder">The run; its log is read.</param>
    /// <param name="info">What is trained.</param>
    /// <param name="validation">Pictures for the sheet.</param>
    /// <param name="evaluation">The last one.</param>
    public static void Write(RunFolder folder, CheckpointInfo info, DatasetPart validation, Evaluation evaluation)
    {
        RunCurves curves = RunCurves.Read(folder.Log);
        ImageWriter.Write(folder["validation.jpg"], Sheet(validation, evaluation));
        string loss = Plot(folder, "loss", dark => CurvePlots.Loss(curves, dark));
        string precision = Plot(folder, "ap", dark => CurvePlots.Precision(curves, dark));
        string sheet = $"<img alt=\"validation pictures with true and found boxes\" src=\"data:image/jpeg;base64,{Base64(folder["validation.jpg"])}\">";
        folder.WriteText(Path.GetFileName(folder.Page), ReportPage.Html(info, curves, evaluation, validation.File, loss, precision, sheet));
    }

    /// <summary>Pictures from all over the validation part, the truth beside what was found.</summary>
    private static ImageU8 Sheet(DatasetPart validation, Evaluation evaluation)
    {
        CocoFile file = validation.File;
        int count = Math.Min(SheetPictures, file.Images.Count);
        ILookup<int, ScoredBox> found = evaluation.Found.Where(box => box.Score >= SheetThreshold).ToLookup(box => box.Image);
        return DetectionSheet.Draw([.. Enumerable.Range(0, count).Select(i => (int)((long)i * file.Images.Count / count)).Select(index => new SheetEntry(
            ImageReader.Read(Path.Combine(validation.ImageFolder, file.Images[index].FileName)),
            file.Images[index].FileName,
            [.. file.Images[index].Annotations.Select(a => LabelledBox.Of(a, file))],
            [.. found[index].OrderBy(box => box.Score).Select(box => LabelledBox.Of(box, file))]))]);
    }

    /// <summary>Writes NAME.png and NAME.svg for light pages; returns an element that also holds the dark one.</summary>
    private static string Plot(RunFolder folder, string name, Func<bool, Plot> draw) => CurvePlots.Alone(() =>
    {
        Plot light = draw(false), large = draw(false);
        large.ScaleFactor = 2;
        byte[] png = large.GetImageBytes(2 * CurvePlots.Width, 2 * CurvePlots.Height, ImageFormat.Png);
        Data.WholeFile.Write(folder[name + ".png"], stream => stream.Write(png));
        string svg = light.GetSvgXml(CurvePlots.Width, CurvePlots.Height);
        folder.WriteText(name + ".svg", svg);
        string dark = draw(true).GetSvgXml(CurvePlots.Width, CurvePlots.Height);
        return $"<picture><source media=\"(prefers-color-scheme: dark)\" srcset=\"{Uri(dark)}\"><img alt=\"{name} over time\" src=\"{Uri(svg)}\"></picture>";
    });

    private static string Uri(string svg) => $"data:image/svg+xml;base64,{Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(svg))}";

    private static string Base64(string path) => Convert.ToBase64String(File.ReadAllBytes(path));
}
