using System.Text.Json;

namespace CoDetr.Training;

/// <summary>The numbers of a run over time, read from its log.</summary>
internal sealed class RunCurves
{
    private RunCurves(string log)
    {
        List<JsonElement> steps = [], evaluations = [];
        foreach (JsonElement line in RunLog.Read(log))
        {
            (line.TryGetProperty("evaluation", out _) ? evaluations : steps).Add(line);
        }

        Loss = [.. steps.Select(line => (Step: line.GetProperty("step").GetDouble(), Value: line.GetProperty("loss").GetDouble()))];
        double typical = steps.Select(line => line.GetProperty("seconds").GetDouble()).Order().ElementAtOrDefault(steps.Count / 2);
        Evaluations = [.. evaluations.Select(line => (
            line.GetProperty("epoch").GetInt32(),
            line.GetProperty("step").GetDouble() * typical / 60,
            line.GetProperty("evaluation").EnumerateObject().ToDictionary(figure => figure.Name, figure => figure.Value.GetDouble())))];
        LastLosses = steps.Count == 0 ? [] : Averages(steps);
        Seconds = steps.Concat(evaluations).Sum(line => line.GetProperty("seconds").GetDouble());
        double stepSeconds = steps.Sum(line => line.GetProperty("seconds").GetDouble());
        ImagesPerSecond = stepSeconds > 0 ? steps.Sum(line => line.GetProperty("images").GetDouble()) / stepSeconds : 0;
        PeakMebibytes = steps.Select(line => line.GetProperty("peak_mib").GetDouble()).DefaultIfEmpty(0).Max();
    }

    /// <summary>The total loss of each step.</summary>
    internal IReadOnlyList<(double Step, double Value)> Loss { get; }

    /// <summary>
    /// COCO's figures after epochs. The minutes of training until then are the steps times their median time, so that what else a machine had to do meanwhile
    /// does not count.
    /// </summary>
    internal IReadOnlyList<(int Epoch, double Minutes, Dictionary<string, double> Figures)> Evaluations { get; }

    /// <summary>Each loss, averaged over the last hundred steps.</summary>
    internal IReadOnlyList<(string Name, double Value)> LastLosses { get; }

    /// <summary>Time of all steps and evaluations.</summary>
    internal double Seconds { get; }

    /// <summary>In training, waiting for data included.</summary>
    internal double ImagesPerSecond { get; }

    /// <summary>The most that tensors held.</summary>
    internal double PeakMebibytes { get; }

    internal static RunCurves Read(string log) => new(log);

    /// <summary>Means of at most <paramref name="most"/> equal stretches.</summary>
    internal static IReadOnlyList<(double Step, double Value)> Smooth(IReadOnlyList<(double Step, double Value)> curve, int most)
    {
        int stretch = Math.Max(1, (curve.Count + most - 1) / most);
        return [.. curve.Chunk(stretch).Select(chunk => (chunk.Average(p => p.Step), chunk.Average(p => p.Value)))];
    }

    private static (string, double)[] Averages(List<JsonElement> steps)
    {
        const int Last = 100;
        JsonElement[] lines = [.. steps.Skip(steps.Count - Last)];
        return [.. lines[^1].GetProperty("losses").EnumerateObject().Select(loss =>
            (loss.Name, lines.Average(line => line.GetProperty("losses").TryGetProperty(loss.Name, out JsonElement value) ? value.GetDouble() : 0)))];
    }
}
