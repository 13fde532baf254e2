using System.Globalization;
using System.Text;
using ScottPlot;

namespace CoDetr.Training;

/// <summary>What runs are compared over.</summary>
public enum ComparisonAxis
{
    /// <summary>The same number of epochs.</summary>
    Epochs,

    /// <summary>The same time of training: steps times their median time, evaluations left out.</summary>
    Minutes,
}

/// <summary>A group of runs at one place of the axis.</summary>
/// <param name="X">Epochs or minutes.</param>
/// <param name="Mean">In percent.</param>
/// <param name="Deviation">Standard deviation of the sample; 0 for a single run.</param>
internal readonly record struct MeanPoint(double X, double Mean, double Deviation)
{
    internal static MeanPoint Of(double x, double[] values)
    {
        double mean = values.Average();
        return new(x, mean, values.Length < 2 ? 0 : Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1)));
    }
}

/// <summary>Runs that differ in nothing but their seed, side by side with others: the mean of one of COCO's figures and its deviation.</summary>
public sealed class RunComparison
{
    private readonly ComparisonAxis axis;
    private readonly string figure;
    private readonly Group[] groups;

    private RunComparison(ComparisonAxis axis, string figure, Group[] groups) => (this.axis, this.figure, this.groups) = (axis, figure, groups);

    /// <summary>COCO's figures, by the names that logs have.</summary>
    public static IReadOnlyList<string> Figures { get; } = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"];

    /// <summary>Reads the logs of runs.</summary>
    /// <param name="runs">Folders of runs; those of one name are a group.</param>
    /// <param name="axis">What they are compared over.</param>
    /// <param name="figure">One of <see cref="Figures"/>.</param>
    /// <exception cref="RunException">A folder is none of a run, a run has no evaluation, or runs of a group were not evaluated after the same epochs.</exception>
    public static RunComparison Read(IEnumerable<(string Name, string Folder)> runs, ComparisonAxis axis, string figure = "AP") =>
        new(axis, figure, [.. runs.GroupBy(run => run.Name).Select(group => Group.Read(group.Key, [.. group.Select(run => run.Folder)], axis, figure))]);

    /// <summary>A Markdown table: the figure of each group, mean ± deviation in percent, after epochs that all have, or at quarters of the time of the group that took least.</summary>
    public string Table()
    {
        double[] places = axis == ComparisonAxis.Epochs
            ? [.. groups.Select(group => group.Points.Select(p => p.X)).Aggregate((a, b) => a.Intersect(b))]
            : [.. Enumerable.Range(1, 4).Select(quarter => quarter * groups.Min(group => group.Points[^1].X) / 4)];
        string unit = axis == ComparisonAxis.Epochs ? "epoch " : "minute ", digits = axis == ComparisonAxis.Epochs ? "0" : "0.0";
        StringBuilder table = new();
        table.Append(CultureInfo.InvariantCulture, $"| | runs | {string.Join(" | ", places.Select(x => unit + x.ToString(digits, CultureInfo.InvariantCulture)))} |\n");
        table.Append(CultureInfo.InvariantCulture, $"|---|---|{string.Concat(Enumerable.Repeat("---|", places.Length))}\n");
        foreach (Group group in groups)
        {
            string cells = string.Join(" | ", places.Select(group.At).Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Mean:F2} ± {p.Deviation:F2}")));
            table.Append(CultureInfo.InvariantCulture, $"| {group.Name} | {group.Runs.Length} | {cells} |\n");
        }

        return table.ToString();
    }

    /// <summary>Draws the means with bands of one deviation.</summary>
    /// <param name="path">A file that ends in .svg or .png; it is written whole or not at all.</param>
    public void Draw(string path)
    {
        byte[] file = CurvePlots.Alone(() =>
        {
            Plot plot = CurvePlots.Bands(figure, [.. groups.Select(group => (group.Name, group.Points))], axis == ComparisonAxis.Epochs ? "epoch" : "minutes of training");
            return path.EndsWith(".svg", StringComparison.OrdinalIgnoreCase)
                ? Encoding.UTF8.GetBytes(plot.GetSvgXml(CurvePlots.Width, CurvePlots.Height))
                : plot.GetImageBytes(CurvePlots.Width, CurvePlots.Height, ImageFormat.Png);
        });
        Data.WholeFile.Write(path, stream => stream.Write(file));
    }

    private sealed class Group
    {
        private Group(string name, (double X, double Value)[][] runs)
        {
            (Name, Runs) = (name, runs);
            Points = [.. Enumerable.Range(0, runs[0].Length).Select(i => MeanPoint.Of(runs.Average(run => run[i].X), [.. runs.Select(run => run[i].Value)]))];
        }

        internal string Name { get; }

        internal (double X, double Value)[][] Runs { get; }

        internal IReadOnlyList<MeanPoint> Points { get; }

        internal static Group Read(string name, string[] folders, ComparisonAxis axis, string figure)
        {
            RunCurves[] curves = [.. folders.Select(Curves)];
            int[][] epochs = [.. curves.Select(run => run.Evaluations.Select(e => e.Epoch).ToArray())];
            for (int i = 0; i < folders.Length; i++)
            {
                if (epochs[i].Length == 0)
                {
                    throw new RunException($"{folders[i]}: the run has no evaluation yet; there is nothing to compare.");
                }

                if (!epochs[i].SequenceEqual(epochs[0]))
                {
                    throw new RunException($"{folders[i]}: evaluated after other epochs than {folders[0]}; runs of one name ('{name}') must differ in their seed only.");
                }
            }

            return new(name, [.. curves.Select(run =>
                run.Evaluations.Select(e => (axis == ComparisonAxis.Epochs ? e.Epoch : e.Minutes, 100 * e.Figures[figure])).ToArray())]);
        }

        /// <summary>Each run's figure at a place, between two evaluations on the line that joins them; before the first, on the line from 0 at the start.</summary>
        internal MeanPoint At(double x) => MeanPoint.Of(x, [.. Runs.Select(run => At(run, x))]);

        private static double At((double X, double Value)[] run, double x)
        {
            int next = Array.FindIndex(run, point => point.X >= x);
            if (next < 0)
            {
                return run[^1].Value;
            }

            (double fromX, double fromValue) = next == 0 ? (0, 0) : run[next - 1];
            return fromValue + ((run[next].Value - fromValue) * (x - fromX) / (run[next].X - fromX));
        }

        private static RunCurves Curves(string folder)
        {
            RunFolder run = new(folder);
            return File.Exists(run.Log) ? RunCurves.Read(run.Log) : throw new RunException($"{folder}: no run lies here ({Path.GetFileName(run.Log)} is missing).");
        }
    }
}
