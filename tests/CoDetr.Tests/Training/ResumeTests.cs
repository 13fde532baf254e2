using System.Diagnostics;
using System.Text.RegularExpressions;
using CoDetr.Cli;
using CoDetr.Tests.Data;
using CoDetr.Training;

namespace CoDetr.Tests.Training;

/// <summary>An interrupted training ends in the same bits as one that was left alone.</summary>
[Collection(Alone.Name)]
public sealed partial class ResumeTests : IDisposable
{
    private static readonly Recipe Recipe = RecipeBook.DigitsTiny.WithEpochs(2) with { BatchSize = 2, Seed = 11, MovingAverage = true };

    private readonly TemporaryFolder folder = new();
    private readonly string data;

    public ResumeTests() => data = DrawnData.Write(Path.Combine(folder.Path, "data"), images: 10);

    [Fact]
    public void StoppedAnywhereTheEndIsTheSame()
    {
        RunFolder whole = Train("whole", Recipe, stopAfter: []), stopped = Train("stopped", Recipe, stopAfter: [1, 4, 5, 7]);
        Same(whole, stopped);
    }

    [Fact]
    public void AccumulationAndAugmentationResumeToo()
    {
        Recipe recipe = Recipe with { BatchSize = 1, Accumulate = 2, MovingAverage = false, Augmentation = Augmentation.ForPhotographs(96) };
        Same(Train("whole", recipe, stopAfter: []), Train("stopped", recipe, stopAfter: [3, 6]));
    }

    [Fact]
    public void RecomputationChangesNoBit()
    {
        RunFolder kept = Train("kept", Recipe, stopAfter: []), again = Train("again", Recipe with { Recompute = true }, stopAfter: []);
        Assert.Equal(Learned(kept), Learned(again));
    }

    [Fact]
    public void KilledTheEndIsTheSame()
    {
        RunFolder whole = Train("whole", Recipe, stopAfter: []), killed = new(folder["killed"]);
        Random random = new(5);
        for (int life = 0; life < 3; life++)
        {
            string[] begin = ["train", "--data", data, "--model", Recipe.Model, "--epochs", "2", "--batch", "2", "--seed", "11", "--ema", "--out", killed.Root];
            using Process process = Start(File.Exists(killed.Checkpoint) ? ["train", "--resume", killed.Root, "--save-every", "1"] : [.. begin, "--save-every", "1"]);
            int target = Lines(killed) + 1 + random.Next(2);
            while (Lines(killed) < target && !process.HasExited)
            {
                Thread.Sleep(5);
            }

            process.Kill();
            process.WaitForExit();
        }

        Assert.Equal(ExitCode.Success, Cli.CliRun.Of("train", "--resume", killed.Root).Code);
        Same(whole, killed);
    }

    [Theory]
    [InlineData("INT", ExitCode.Interrupted)]
    [InlineData("TERM", ExitCode.Terminated)]
    public void ASignalSavesAndEndsWithItsOwnExitCode(string signal, int expected)
    {
        RunFolder run = new(folder["signalled"]);
        using Process process = Start(["train", "--data", data, "--model", Recipe.Model, "--epochs", "50", "--batch", "2", "--out", run.Root]);
        while (Lines(run) < 2 && !process.HasExited)
        {
            Thread.Sleep(5);
        }

        using Process kill = Process.Start("kill", ["-" + signal, $"{process.Id}"]);
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(expected, process.ExitCode);
        Assert.Contains($"Go on with: codetr train --resume {run.Root}", output, StringComparison.Ordinal);
        using Checkpoint saved = Checkpoint.Open(run.Checkpoint);
        Assert.Equal(File.ReadLines(run.Log).Count(line => line.Contains("losses", StringComparison.Ordinal)), saved.Info.Progress.Step);
    }

    public void Dispose() => folder.Dispose();

    [GeneratedRegex(",\"(seconds|data_seconds|peak_mib)\":[0-9.E+-]+")]
    private static partial Regex Times();

    private static string Learned(RunFolder run) => Times().Replace(File.ReadAllText(run.Log), "");

    private static int Lines(RunFolder run) => File.Exists(run.Log) ? File.ReadLines(run.Log).Count() : 0;

    private static void Same(RunFolder expected, RunFolder found)
    {
        Assert.Equal(Learned(expected), Learned(found));
        Assert.Equal(File.ReadAllBytes(expected.Checkpoint), File.ReadAllBytes(found.Checkpoint));
        Assert.Equal(File.ReadAllBytes(expected.Best), File.ReadAllBytes(found.Best));
    }

    private static Process Start(string[] args)
    {
        // A shell's background jobs ignore SIGINT, and their children inherit that: the program under test must not.
        ProcessStartInfo start = new("env") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add("--default-signal=INT");
        start.ArgumentList.Add(Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet");
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "codetr.dll"));
        foreach (string arg in args)
        {
            start.ArgumentList.Add(arg);
        }

        return Process.Start(start)!;
    }

    /// <summary>Trains; each number is a step after which the run is stopped and resumed.</summary>
    private RunFolder Train(string name, Recipe recipe, int[] stopAfter)
    {
        TrainingSettings settings = new() { Data = data, Out = folder[name] };
        for (int life = 0; life <= stopAfter.Length; life++)
        {
            using CancellationTokenSource stop = new();
            long last = life < stopAfter.Length ? stopAfter[life] : long.MaxValue;
            TrainingEvents events = new()
            {
                Stepped = report =>
                {
                    if (report.Step == last)
                    {
                        stop.Cancel();
                    }
                },
            };
            using Trainer trainer = life == 0 ? Trainer.Start(settings, recipe, events) : Trainer.Resume(settings, r => r, events);
            Assert.Equal(life == stopAfter.Length, trainer.Run(stop.Token));
        }

        return new RunFolder(settings.Out);
    }
}
