using CoDetr.Data;
using ScottPlot;
using SkiaSharp;

namespace CoDetr.Training;

/// <summary>Draws curves with the project's own font, for light and for dark pages.</summary>
internal static class CurvePlots
{
    internal const int Width = 760, Height = 420;
    private const int Points = 300;

    private static readonly string[] LightLines = ["#2563eb", "#d97706", "#059669", "#7c3aed", "#dc2626", "#4b5563"];
    private static readonly string[] DarkLines = ["#60a5fa", "#fbbf24", "#34d399"];
    private static readonly Lock Gate = new();

    static CurvePlots()
    {
        Fonts.FontResolvers.Insert(0, new OwnFont());
        Fonts.Default = ProjectFont.Family;
    }

    /// <summary>The total loss over steps: every stretch thin, a long average thick.</summary>
    internal static Plot Loss(RunCurves curves, bool dark)
    {
        Plot plot = Styled("Loss", "step", dark);
        string[] lines = dark ? DarkLines : LightLines;
        Add(plot, RunCurves.Smooth(curves.Loss, Points), Color.FromHex(lines[0]).WithAlpha(.4), 1, "");
        Add(plot, RunCurves.Smooth(curves.Loss, Points / 10), Color.FromHex(lines[0]), 2.5f, "");
        return plot;
    }

    /// <summary>AP, AP50 and AP75 over epochs, in percent.</summary>
    internal static Plot Precision(RunCurves curves, bool dark)
    {
        Plot plot = Styled("Average precision, %", "epoch", dark);
        string[] lines = dark ? DarkLines : LightLines, names = ["AP", "AP50", "AP75"];
        for (int i = 0; i < names.Length; i++)
        {
            (double, double)[] points = [.. curves.Evaluations.Where(e => e.Figures[names[i]] >= 0).Select(e => ((double)e.Epoch, 100 * e.Figures[names[i]]))];
            Add(plot, points, Color.FromHex(lines[i]), 2.5f, names[i]);
        }

        plot.Axes.SetLimitsY(0, 100);
        plot.ShowLegend(Alignment.UpperLeft);
        return plot;
    }

    /// <summary>Means of groups of runs over epochs or time, in percent, in bands of one deviation on either side.</summary>
    internal static Plot Bands(string figure, IReadOnlyList<(string Name, IReadOnlyList<MeanPoint> Points)> groups, string below)
    {
        Plot plot = Styled($"{figure}, %: mean and deviation", below, dark: false);
        foreach ((int i, (string name, IReadOnlyList<MeanPoint> points)) in groups.Index())
        {
            Color color = Color.FromHex(LightLines[i % LightLines.Length]);
            double[] xs = [.. points.Select(p => p.X)];
            ScottPlot.Plottables.FillY band = plot.Add.FillY(xs, [.. points.Select(p => p.Mean - p.Deviation)], [.. points.Select(p => p.Mean + p.Deviation)]);
            (band.FillColor, band.LineWidth) = (color.WithAlpha(.2), 0);
            Add(plot, [.. points.Select(p => (p.X, p.Mean))], color, 2.5f, name);
        }

        plot.ShowLegend(Alignment.LowerRight);
        return plot;
    }

    /// <summary>Runs a drawing alone: the plotting library keeps its fonts in one place for all threads.</summary>
    internal static T Alone<T>(Func<T> draw)
    {
        lock (Gate)
        {
            return draw();
        }
    }

    private static void Add(Plot plot, IReadOnlyList<(double X, double Y)> points, Color color, float width, string name)
    {
        if (points.Count > 0)
        {
            ScottPlot.Plottables.Scatter line = plot.Add.Scatter(points.Select(p => p.X).ToArray(), points.Select(p => p.Y).ToArray(), color);
            (line.LineWidth, line.MarkerSize, line.LegendText) = (width, points.Count < 40 && name.Length > 0 ? 5 : 0, name);
        }
    }

    private static Plot Styled(string title, string below, bool dark)
    {
        Plot plot = new();
        Color ink = Color.FromHex(dark ? "#e5e7eb" : "#1f2937"), paper = Color.FromHex(dark ? "#111827" : "#ffffff"), grid = Color.FromHex(dark ? "#374151" : "#e5e7eb");
        plot.FigureBackground.Color = paper;
        plot.DataBackground.Color = paper;
        plot.Axes.Color(ink);
        plot.Grid.MajorLineColor = grid;
        plot.Legend.BackgroundColor = paper;
        plot.Legend.FontColor = ink;
        plot.Legend.OutlineColor = grid;
        plot.Title(title, 16);
        plot.XLabel(below, 13);
        return plot;
    }

    /// <summary>Hands the embedded font to the plotting library, whatever it asks for: a new one each time, for the library disposes it.</summary>
    private sealed class OwnFont : IFontResolver
    {
        public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => New();

        public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) => New();

        private static SKTypeface New()
        {
            using Stream font = ProjectFont.Open();
            return SKTypeface.FromStream(font);
        }
    }
}
