using System.Diagnostics;
using System.Globalization;
using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Training;
using Draws = CoDetr.Detection.Draws;

namespace CoDetr.Bench;

/// <summary>
/// What auxiliary heads cost: time and peak memory of a whole training step of Co-Deformable-DETR R50 at 480×640, batch 1, and where the time goes; inference,
/// which they do not touch. Writes bench/results/MACHINE/steps.md.
/// </summary>
internal static class StepCost
{
    private const string Name = "co-deformable-detr-r50";
    private static readonly (string K, string[] Heads)[] Rows =
    [
        ("0", []), ("1", ["atss"]), ("2", ["faster-rcnn", "atss"]), ("3", ["faster-rcnn", "atss", "paa"]),
        ("6", ["faster-rcnn", "atss", "paa", "retinanet", "fcos", "gfl"]),
    ];

    /// <summary>Measures and writes.</summary>
    /// <param name="options"><c>--rounds N</c>: steps of each row, of which the median counts.</param>
    internal static int Run(string[] options)
    {
        int rounds = options is ["--rounds", string text] ? int.Parse(text, CultureInfo.InvariantCulture) : 3;
        Measured[] measured = [.. Rows.Select(row => Measure(row.Heads, rounds))];
        using StringWriter page = new(CultureInfo.InvariantCulture);
        page.WriteLine($"# Training step and inference of {Name}\n");
        page.WriteLine(string.Join("\n", Machine.Lines()) + "\n");
        page.WriteLine($"One picture; a step is forward, losses, backward, clipping and AdamW; medians of {rounds} after one to warm up.\n");
        page.WriteLine("| K | heads | step, s | to K = 0 | peak of tensors, MiB | to K = 0 |");
        page.WriteLine("|---|---|---|---|---|---|");
        for (int i = 0; i < measured.Length; i++)
        {
            page.WriteLine(FormattableString.Invariant(
                $"| {Rows[i].K} | {string.Join(", ", Rows[i].Heads)} | {measured[i].Seconds:F2} | {Percent(measured[i].Seconds / measured[0].Seconds)} | {measured[i].Peak >> 20} | {Percent((double)measured[i].Peak / measured[0].Peak)} |"));
        }

        page.WriteLine("\nThe paper's implementation: K = 1 takes 23 % more time and 9 % more memory, K = 2 71 % and 12 % (Table 7).\n");
        WriteStages(page, measured);
        page.WriteLine("\n| inference | s |\n|---|---|");
        foreach ((int height, int width) in new[] { (480, 640), (800, 1333) })
        {
            page.WriteLine(FormattableString.Invariant($"| {height}×{width}, query head | {Inference(height, width, rounds):F2} |"));
        }

        string path = Path.Combine(Machine.ResultsFolder(), "steps.md");
        File.WriteAllText(path, page.ToString().ReplaceLineEndings("\n"));
        Console.WriteLine(page.ToString());
        Console.WriteLine(path);
        return 0;
    }

    private static void WriteStages(StringWriter page, Measured[] measured)
    {
        string[] stages = [.. measured.SelectMany(m => m.Stages.Keys).Distinct()];
        page.WriteLine($"Where a step's time goes, s (forward and backward together):\n\n| part | {string.Join(" | ", Rows.Select(row => $"K = {row.K}"))} |");
        page.WriteLine($"|---{string.Concat(Enumerable.Repeat("|---", measured.Length))}|");
        foreach (string stage in stages)
        {
            page.WriteLine($"| {stage} | {string.Join(" | ", measured.Select(m => m.Stages.TryGetValue(stage, out double s) ? s.ToString("F2", CultureInfo.InvariantCulture) : ""))} |");
        }
    }

    private static string Percent(double ratio) => ratio == 1 ? "" : ((ratio - 1) * 100).ToString("+0.0 '%';-0.0 '%'", CultureInfo.InvariantCulture);

    private static Measured Measure(string[] heads, int rounds)
    {
        using Detector model = Built(heads);
        model.IsTraining = true;
        using FlatParameters flat = new(model);
        using AdamW optimizer = new(flat, [], 1e-4, 0.1);
        List<(double Seconds, long Peak, Dictionary<string, double> Stages)> runs = [];
        for (int i = 0; i <= rounds; i++)
        {
            Device.Default.ResetPeak();
            long begun = Stopwatch.GetTimestamp();
            using StageClock clock = new();
            Step(model, flat, optimizer, i);
            runs.Add((Stopwatch.GetElapsedTime(begun).TotalSeconds, Device.Default.PeakBytes, clock.Times.ToDictionary(t => t.Key, t => t.Value.TotalSeconds)));
        }

        (double Seconds, long Peak, Dictionary<string, double> Stages)[] counted = [.. runs.Skip(1).OrderBy(run => run.Seconds)];
        return new Measured(counted[counted.Length / 2].Seconds, counted.Max(run => run.Peak), counted[counted.Length / 2].Stages);
    }

    private static void Step(Detector model, FlatParameters flat, AdamW optimizer, int seed)
    {
        using StepScope scope = StepScope.Begin();
        LossTable losses = model.Losses(Picture(480, 640), Objects(), Draws.From(Tensor.From([seed, 1], [2])));
        losses.Total.Backward();
        using Stage stage = Stage.Of("optimizer");
        optimizer.Update(Tensor.From(optimizer.NumbersOf(1e-4).ToArray(), [UpdateNumbers.Count]), flat.Gradients.GlobalNorm());
        optimizer.Updates++;
        Device.Default.Synchronize();
    }

    private static double Inference(int height, int width, int rounds)
    {
        using Detector model = Built([]);
        model.IsTraining = false;
        List<double> seconds = [];
        for (int i = 0; i <= rounds; i++)
        {
            using StepScope scope = StepScope.Begin();
            long begun = Stopwatch.GetTimestamp();
            model.Detect(Picture(height, width), [(1, 1)], 100);
            seconds.Add(Stopwatch.GetElapsedTime(begun).TotalSeconds);
        }

        return seconds.Skip(1).Order().ElementAt(rounds / 2);
    }

    private static Detector Built(string[] heads)
    {
        Detector model = new(ModelZoo.Config(Name, 80, new Collaboration { Heads = heads }));
        model.Initialize(0);
        return model;
    }

    private static ImageBatch Picture(int height, int width)
    {
        Random random = new(1);
        return new ImageBatch(Tensor.From<float>([.. Enumerable.Range(0, height * width * 3).Select(_ => (random.NextSingle() * 4) - 2)], [1, height, width, 3]), [new(height, width)]);
    }

    /// <summary>Seven objects, as many as a picture of COCO has on average.</summary>
    private static Truth Objects() => Truth.From(
        [[40, 50, 200, 260, 220, 30, 400, 200, 420, 220, 630, 470, 10, 300, 120, 440, 300, 300, 340, 350, 500, 40, 560, 100, 150, 380, 260, 470]], [[0, 7, 3, 60, 41, 9, 0]]);

    private sealed record Measured(double Seconds, long Peak, Dictionary<string, double> Stages);
}
