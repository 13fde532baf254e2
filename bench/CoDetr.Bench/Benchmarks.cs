using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace CoDetr.Bench;

/// <summary>Runs under BenchmarkDotNet, in this process: the work is native code, and a rebuilt copy of this program for each benchmark would measure the same.</summary>
internal static class Benchmarks
{
    private static readonly string[] Questions = ["--list", "--help", "--info", "--version", "-h"];

    /// <summary>Runs what the arguments name. Returns 1 if a benchmark has no result.</summary>
    internal static int Run(string[] args)
    {
        IConfig config = ManualConfig.CreateEmpty()
            .AddJob((Settings.Smoke ? Job.Dry : Job.ShortRun).WithToolchain(InProcessEmitToolchain.Instance))
            .AddLogger(ConsoleLogger.Default)
            .AddExporter(MarkdownExporter.GitHub)
            .AddDiagnoser(MemoryDiagnoser.Default)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddColumn(ThroughputColumn.All);
        return Run(args, config) || args.Any(Questions.Contains) ? 0 : 1;
    }

    /// <summary>Each benchmark once, without a word; true if all have a result.</summary>
    internal static bool RunOnce()
    {
        ManualConfig config = ManualConfig.CreateEmpty()
            .AddJob(Job.Dry.WithToolchain(InProcessEmitToolchain.Instance))
            .AddLogger(NullLogger.Instance)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddColumn(ThroughputColumn.All)
            .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "codetr-bench"));
        return Run(["--filter", "*"], config);
    }

    private static bool Run(string[] args, IConfig config)
    {
        Summary[] summaries = [.. BenchmarkSwitcher.FromAssembly(typeof(Benchmarks).Assembly).Run(args, config)];
        int without = 0;
        foreach (Summary summary in summaries)
        {
            foreach (BenchmarkCase one in summary.BenchmarksCases.Where(one => summary[one]?.ResultStatistics is null))
            {
                Console.Error.WriteLine($"No result: {one.DisplayInfo}");
                without++;
            }
        }

        return summaries.Length > 0 && without == 0;
    }
}
