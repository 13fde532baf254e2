using CoDetr.Tests.Data;
using CoDetr.Tests.Training;
using CoDetr.Training;

namespace CoDetr.Tests.Cli;

/// <summary>A tiny model trained for a few steps on drawn pictures, for the tests of a class to share.</summary>
public sealed class TrainedRun : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public TrainedRun()
    {
        Data = DrawnData.Write(Path.Combine(folder.Path, "data"));
        Result = CliRun.Of("train", "--data", Data, "--model", "deformable-detr-tiny", "--batch", "4", "--epochs", "2", "--out", Run.Root);
    }

    internal CliRun Result { get; }

    internal string Data { get; }

    internal RunFolder Run => new(Path.Combine(folder.Path, "run"));

    internal string Weights => Run.Best;

    /// <summary>A path for something new.</summary>
    internal string this[string name] => folder[name];

    public void Dispose() => folder.Dispose();
}
