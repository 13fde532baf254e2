using System.Diagnostics;
using System.Globalization;
using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Training;
using Draws = CoDetr.Detection.Draws;

namespace CoDetr.Bench;

/// <summary>
/// What auxiliary heads cost: time and peak memory of a whole training step of Co-Deformable-DETR R50, batch 1, and where the time goes; and what inference
/// takes, which they do not touch, of that model and of the large published ones. Writes bench/results/MACHINE/steps.md.
/// </summary>
internal static class StepCost
{
    private const string Name = "co-deformable-detr-r50";
    private static readonly (int Height, int Width) Small = (480, 640), Large = (800, 1333);
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
        using StringWriter page = new(CultureInfo.InvariantCulture);
        page.WriteLine($"# Training step and inference of {Name}\n");
        page.WriteLine(string.Join("\n", Machine.Lines()) + "\n");
        page.WriteLine($"One picture; a step is forward, losses, backward, clipping and AdamW; medians of {rounds} after one to warm up. `CoDetr.Bench steps` makes this page.");
        Measured[] measured = [.. Rows.Select(row => Measure(row.Heads, Small, rounds))];
        WriteSteps(page, Small, Rows, measured);
        page.WriteLine("\nThe paper's implementation, at about 800×1333: K = 1 takes 23 % more time and 9 % more memory, K = 2 71 % and 12 % (Table 7).");
        (string, string[])[] ends = [Rows[0], Rows[2]];
        WriteSteps(page, Large, ends, [.. ends.Select(row => Measure(row.Item2, Large, 1))]);
        WriteStages(page, measured);
        page.WriteLine("\n| inference, query head | weights, MiB | 480×640, s | peak of tensors, MiB | 800×1333, s | peak, MiB |\n|---|---|---|---|---|---|");
        foreach (string model in new[] { Name, "co-dino-r50", "co-dino-swin-l", "co-dino-vit-l" })
        {
            page.WriteLine(Inference(model, model == Name ? rounds : 1));
        }

        string path = Path.Combine(Machine.ResultsFolder(), "steps.md");
        File.WriteAllText(path, page.ToString().ReplaceLineEndings("\n"));
        Console.WriteLine(page.ToString());
        Console.WriteLine(path);
        return 0;
    }

    private static void WriteSteps(StringWriter page, (int Height, int Width) size, (string K, string[] Heads)[] rows, Measured[] measured)
    {
        page.WriteLine($"\n| K at {size.Height}×{size.Width} | heads | step, s | to K = 0 | peak of tensors, MiB | to K = 0 | of it weights, gradients, moments | the rest to K = 0 |");
        page.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach ((int i, Measured row) in measured.Index())
        {
            Measured none = measured[0];
            page.WriteLine(FormattableString.Invariant(
                $"| {rows[i].K} | {string.Join(", ", rows[i].Heads)} | {row.Seconds:F2} | {Percent(row.Seconds / none.Seconds)} | {row.Peak >> 20} | {Percent((double)row.Peak / none.Peak)} | {row.AtRest >> 20} | {Percent((double)(row.Peak - row.AtRest) / (none.Peak - none.AtRest))} |"));
        }
    }

    private static void WriteStages(StringWriter page, Measured[] measured)
    {
        string[] stages = [.. measured.SelectMany(m => m.Stages.Keys).Distinct()];
        page.WriteLine($"\nWhere a step's time goes at 480×640, s (forward and backward together):\n\n| part | {string.Join(" | ", Rows.Select(row => $"K = {row.K}"))} |");
        page.WriteLine($"|---{string.Concat(Enumerable.Repeat("|---", measured.Length))}|");
        foreach (string stage in stages)
        {
            page.WriteLine($"| {stage} | {string.Join(" | ", measured.Select(m => m.Stages.TryGetValue(stage, out double s) ? s.ToString("F2", CultureInfo.InvariantCulture) : ""))} |");
        }
    }

    private static string Percent(double ratio) => ratio == 1 ? "" : ((ratio - 1) * 100).ToString("+0.0 '%';-0.0 '%'", CultureInfo.InvariantCulture);

    private static Measured Measure(string[] heads, (int Height, int Width) size, int rounds)
    {
        using Detector model = Built(Name, heads);
        model.IsTraining = true;
        using FlatParameters flat = new(model);
        using AdamW optimizer = new(flat, [], 1e-4, 0.1);
        List<Measured> runs = [];
        for (int i = 0; i <= rounds; i++)
        {
            long atRest = Device.Default.LiveBytes;
            Device.Default.ResetPeak();
            long begun = Stopwatch.GetTimestamp();
            using StageClock clock = new();
            Step(model, flat, optimizer, size, i);
            runs.Add(new(Stopwatch.GetElapsedTime(begun).TotalSeconds, Device.Default.PeakBytes, atRest, clock.Times.ToDictionary(t => t.Key, t => t.Value.TotalSeconds)));
        }

        Measured[] counted = [.. runs.Skip(1).OrderBy(run => run.Seconds)];
        return counted[counted.Length / 2] with { Peak = counted.Max(run => run.Peak) };
    }

    private static void Step(Detector model, FlatParameters flat, AdamW optimizer, (int Height, int Width) size, int seed)
    {
        using StepScope scope = StepScope.Begin();
        LossTable losses = model.Losses(Picture(size), Objects(size), Draws.From(Tensor.From([seed, 1], [2])));
        losses.Total.Backward();
        using Stage stage = Stage.Of("optimizer");
        optimizer.Update(Tensor.From(optimizer.NumbersOf(1e-4).ToArray(), [UpdateNumbers.Count]), flat.Gradients.GlobalNorm());
        optimizer.Updates++;
        Device.Default.Synchronize();
    }

    private static string Inference(string name, int rounds)
    {
        using Detector model = Built(name, []);
        model.IsTraining = false;
        long weights = Device.Default.LiveBytes;
        string row = $"| {name} | {weights >> 20} |";
        foreach ((int Height, int Width) size in new[] { Small, Large })
        {
            Device.Default.ResetPeak();
            List<double> seconds = [];
            for (int i = 0; i <= rounds; i++)
            {
                using StepScope scope = StepScope.Begin();
                long begun = Stopwatch.GetTimestamp();
                model.Detect(Picture(size), [(1, 1)], 100);
                seconds.Add(Stopwatch.GetElapsedTime(begun).TotalSeconds);
            }

            row += FormattableString.Invariant($" {seconds.Skip(1).Order().ElementAt(rounds / 2):F2} | {Device.Default.PeakBytes >> 20} |");
        }

        return row;
    }

    private static Detector Built(string name, string[] heads)
    {
        Detector model = new(ModelZoo.Config(name, 80, new Collaboration { Heads = heads }));
        model.Initialize(0);
        return model;
    }

    private static ImageBatch Picture((int Height, int Width) size)
    {
        Random random = new(1);
        float[] pixels = [.. Enumerable.Range(0, size.Height * size.Width * 3).Select(_ => (random.NextSingle() * 4) - 2)];
        return new ImageBatch(Tensor.From<float>(pixels, [1, size.Height, size.Width, 3]), [new(size.Height, size.Width)]);
    }

    /// <summary>Seven objects, as many as a picture of COCO has on average, at the same places of a picture of any size.</summary>
    private static Truth Objects((int Height, int Width) size)
    {
        float[] corners = [40, 50, 200, 260, 220, 30, 400, 200, 420, 220, 630, 470, 10, 300, 120, 440, 300, 300, 340, 350, 500, 40, 560, 100, 150, 380, 260, 470];
        return Truth.From([[.. corners.Select((x, i) => x * (i % 2 == 0 ? size.Width / (float)Small.Width : size.Height / (float)Small.Height))]], [[0, 7, 3, 60, 41, 9, 0]]);
    }

    /// <param name="Seconds">Of a step.</param>
    /// <param name="Peak">The most bytes that tensors held.</param>
    /// <param name="AtRest">Bytes that they hold between steps.</param>
    /// <param name="Stages">Seconds of each part.</param>
    private sealed record Measured(double Seconds, long Peak, long AtRest, Dictionary<string, double> Stages);
}
