using CoDetr.Tests.Data;
using CoDetr.Training;

namespace CoDetr.Tests.Training;

public sealed class RunComparisonTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void MeansAndDeviationsOfTheSeedsOverEpochs()
    {
        (string, string)[] runs = [("none", Run("a", 1, 0.1, 0.2)), ("none", Run("b", 1, 0.3, 0.2)), ("heads", Run("c", 2, 0.4, 0.5))];
        Assert.Equal(
            "| | runs | epoch 1 | epoch 2 |\n|---|---|---|---|\n| none | 2 | 20.00 ± 14.14 | 20.00 ± 0.00 |\n| heads | 1 | 40.00 ± 0.00 | 50.00 ± 0.00 |\n",
            RunComparison.Read(runs, ComparisonAxis.Epochs).Table());
    }

    [Fact]
    public void EqualTimeEndsWithTheFastestGroup()
    {
        // Two steps an epoch: the one run ends after 4 minutes, the other has then come from 0 to its first evaluation.
        (string, string)[] runs = [("fast", Run("a", 60, 0.1, 0.2)), ("slow", Run("b", 120, 0.4, 0.5))];
        Assert.Equal(
            "| | runs | minute 1.0 | minute 2.0 | minute 3.0 | minute 4.0 |\n|---|---|---|---|---|---|\n"
            + "| fast | 1 | 5.00 ± 0.00 | 10.00 ± 0.00 | 15.00 ± 0.00 | 20.00 ± 0.00 |\n| slow | 1 | 10.00 ± 0.00 | 20.00 ± 0.00 | 30.00 ± 0.00 | 40.00 ± 0.00 |\n",
            RunComparison.Read(runs, ComparisonAxis.Minutes).Table());
    }

    [Theory]
    [InlineData("plot.svg", "<svg")]
    [InlineData("plot.png", "PNG")]
    public void ThePlotIsAFileOfItsKind(string name, string sign)
    {
        RunComparison.Read([("a", Run("a", 1, 0.1, 0.2)), ("a", Run("b", 1, 0.2, 0.4))], ComparisonAxis.Epochs).Draw(folder[name]);
        Assert.Contains(sign, File.ReadAllText(folder[name])[..200], StringComparison.Ordinal);
    }

    [Fact]
    public void WhatCannotBeComparedIsOneClearLine()
    {
        string one = Run("a", 1, 0.1), two = Run("b", 1, 0.1, 0.2), none = Run("c", 1);
        Assert.Contains("after other epochs", Refused(("x", one), ("x", two)), StringComparison.Ordinal);
        Assert.Contains("no evaluation yet", Refused(("x", none)), StringComparison.Ordinal);
        Assert.Contains("no run lies here", Refused(("x", folder["nothing"])), StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private static string Refused(params (string, string)[] runs) => Assert.Throws<RunException>(() => RunComparison.Read(runs, ComparisonAxis.Epochs)).Message;

    /// <summary>A log with two steps an epoch; one step that took long, as on a machine that had something else to do.</summary>
    private string Run(string name, double seconds, params double[] ap)
    {
        RunFolder run = new(folder[name]);
        Directory.CreateDirectory(run.Root);
        using RunLog log = RunLog.Create(run.Log);
        for (int step = 1; step <= Math.Max(4, 2 * ap.Length); step++)
        {
            log.Write(json =>
            {
                json.WriteNumber("step", step);
                json.WriteNumber("loss", 1);
                json.WriteNumber("seconds", step == 1 ? 1000 : seconds);
                json.WriteNumber("images", 1);
                json.WriteNumber("peak_mib", 1);
                json.WriteStartObject("losses");
                json.WriteEndObject();
            });
            if (step % 2 == 0 && step / 2 <= ap.Length)
            {
                log.Write(json =>
                {
                    json.WriteNumber("step", step);
                    json.WriteNumber("epoch", step / 2);
                    json.WriteNumber("seconds", 5);
                    json.WriteStartObject("evaluation");
                    json.WriteNumber("AP", ap[(step / 2) - 1]);
                    json.WriteEndObject();
                });
            }
        }

        return run.Root;
    }
}
