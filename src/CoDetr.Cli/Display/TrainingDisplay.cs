using System.Diagnostics;
using CoDetr.Training;
using Spectre.Console;

namespace CoDetr.Cli;

/// <summary>How a training goes: a live bar where a person watches, else a plain line now and then. Evaluations and notes are lines in both.</summary>
internal sealed class TrainingDisplay
{
    private const double PlainSeconds = 10;
    private const double Smoothing = 0.9; // of loss and speed, so that they can be read

    private readonly Terminal terminal;
    private ProgressTask? training;
    private ProgressTask? evaluating;
    private ProgressContext? context;
    private long shownAt;
    private double loss;
    private double secondsAStep;
    private long firstStep = -1;

    internal TrainingDisplay(Terminal terminal)
    {
        this.terminal = terminal;
        Events = new TrainingEvents
        {
            Stepped = Stepped,
            Evaluating = Evaluating,
            Evaluated = (epoch, evaluation, truth) =>
            {
                evaluating?.StopTask();
                evaluating = null;
                string figures = $"AP {ScoreTable.Percent(evaluation.Scores.Ap)}  AP50 {ScoreTable.Percent(evaluation.Scores.Ap50)}  AP75 {ScoreTable.Percent(evaluation.Scores.Ap75)}";
                terminal.Say($"epoch {epoch}: {figures}  ({truth.Images.Count} validation pictures in {evaluation.Seconds:F1} s)");
            },
            Noted = terminal.Warn,
        };
    }

    internal TrainingEvents Events { get; }

    /// <summary>Shows <paramref name="work"/> while it runs.</summary>
    internal bool Show(long done, long steps, Func<bool> work)
    {
        if (!terminal.IsInteractive)
        {
            return work();
        }

        Spectre.Console.Progress progress = terminal.Console.Progress().AutoClear(true).Columns(
            new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left });
        return progress.Start(started =>
        {
            context = started;
            training = started.AddTask("starting", maxValue: steps);
            training.Value = done;
            return work();
        });
    }

    private void Stepped(StepReport report)
    {
        bool isFirst = firstStep < 0;
        firstStep = isFirst ? report.Step : firstStep;
        loss = isFirst ? report.Result.Total : (Smoothing * loss) + ((1 - Smoothing) * report.Result.Total);
        secondsAStep = report.Step - firstStep <= 1 ? report.Seconds : (Smoothing * secondsAStep) + ((1 - Smoothing) * report.Seconds); // the first step warms up
        if (training is not null)
        {
            training.Value = report.Step;
            training.Description = Markup.Escape(Line(report, isShort: true));
        }
        else if (isFirst || Stopwatch.GetElapsedTime(shownAt).TotalSeconds >= PlainSeconds)
        {
            shownAt = Stopwatch.GetTimestamp();
            terminal.Say(Line(report, isShort: false));
        }
    }

    private void Evaluating(int done, int all)
    {
        if (context is not null)
        {
            evaluating ??= context.AddTask("evaluating", maxValue: all);
            evaluating.Value = done;
        }
    }

    private string Line(StepReport report, bool isShort)
    {
        TimeSpan left = TimeSpan.FromSeconds((report.Steps - report.Step) * secondsAStep);
        string parts = string.Join(' ', report.Result.Names.Zip(report.Result.Losses).Where(pair => IsLast(pair.First)).Select(pair => $"{Brief(pair.First)} {pair.Second:F3}"));
        string speed = $"{report.Result.Images / secondsAStep:F1} images/s";
        string time = left.TotalHours >= 1 ? $"{(int)left.TotalHours}:{left:mm\\:ss}" : $"{left:m\\:ss}";
        return isShort
            ? $"epoch {report.Epoch} step {report.Step}/{report.Steps} loss {loss:F2} ({parts}) {speed} {time} left"
            : $"epoch {report.Epoch}  step {report.Step}/{report.Steps}  loss {loss:F3}  ({parts})  {speed}  {time} left";
    }

    /// <summary>Of all layers' losses the last one's are shown; the log has the others.</summary>
    private static bool IsLast(string name) => name.StartsWith("loss_", StringComparison.Ordinal);

    private static string Brief(string name) => name["loss_".Length..];
}
