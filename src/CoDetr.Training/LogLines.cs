using CoDetr.Data;

namespace CoDetr.Training;

/// <summary>What a line of the log holds.</summary>
internal static class LogLines
{
    extension(RunLog log)
    {
        /// <summary>A step.</summary>
        internal void Write(StepReport report, IReadOnlyList<ParameterRule> rules) => log.Write(json =>
        {
            json.WriteNumber("step", report.Step);
            json.WriteNumber("epoch", report.Epoch);
            json.WriteNumber("loss", report.Result.Total);
            if (report.Result.IsUpdated)
            {
                json.WriteNumber("grad_norm", report.Result.GradientNorm);
            }
            else
            {
                json.WriteNull("grad_norm"); // f16 gradients overflowed: no update
            }

            if (report.Result.LossScale != 1)
            {
                json.WriteNumber("loss_scale", report.Result.LossScale);
            }

            json.WriteStartObject("losses");
            for (int i = 0; i < report.Result.Names.Count; i++)
            {
                json.WriteNumber(report.Result.Names[i], report.Result.Losses[i]);
            }

            json.WriteEndObject();
            json.WriteStartObject("lr");
            json.WriteNumber("all", report.Rate);
            foreach (ParameterRule rule in rules)
            {
                json.WriteNumber(rule.Key, report.Rate * rule.LearningRate);
            }

            json.WriteEndObject();
            json.WriteNumber("images", report.Result.Images);
            json.WriteNumber("objects", report.Result.Objects);
            json.WriteNumber("seconds", Math.Round(report.Seconds, 4));
            json.WriteNumber("data_seconds", Math.Round(report.DataSeconds, 4));
            json.WriteNumber("peak_mib", Math.Round(report.PeakBytes / 1048576.0, 1));
        });

        /// <summary>An evaluation.</summary>
        internal void Write(long step, int epoch, Evaluation evaluation, CocoFile truth) => log.Write(json =>
        {
            CocoScores scores = evaluation.Scores;
            json.WriteNumber("step", step);
            json.WriteNumber("epoch", epoch);
            json.WriteStartObject("evaluation");
            foreach ((string name, double value) in Figures(scores))
            {
                json.WriteNumber(name, value);
            }

            json.WriteEndObject();
            json.WriteStartObject("classes");
            foreach (ClassScores ofClass in scores.Classes)
            {
                json.WriteStartObject(truth.Categories[ofClass.Label].Name);
                json.WriteNumber("AP", ofClass.Ap);
                json.WriteNumber("AP50", ofClass.Ap50);
                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteNumber("seconds", Math.Round(evaluation.Seconds, 3));
        });
    }

    /// <summary>COCO's twelve figures by their usual names.</summary>
    internal static IReadOnlyList<(string Name, double Value)> Figures(CocoScores s) =>
    [
        ("AP", s.Ap), ("AP50", s.Ap50), ("AP75", s.Ap75), ("APs", s.ApSmall), ("APm", s.ApMedium), ("APl", s.ApLarge),
        ("AR1", s.ArLow), ("AR10", s.ArMiddle), ("AR100", s.ArHigh), ("ARs", s.ArSmall), ("ARm", s.ArMedium), ("ARl", s.ArLarge),
    ];
}
