using System.Text;
using Microsoft.ML.OnnxRuntime;

namespace CoDetr.Bench;

/// <summary>The table in <c>bench/results/MACHINE/</c>.</summary>
internal static class Table
{
    /// <summary>Writes <c>compare.md</c>, or <c>compare-part.md</c> where only some benches ran.</summary>
    internal static void Write(List<Row> rows, int rounds, bool complete)
    {
        StringBuilder text = new();
        text.AppendLine("# Side by side").AppendLine();
        foreach (string line in Machine.Lines())
        {
            text.AppendLine($"* {line}");
        }

        int threads = Environment.ProcessorCount, targets = rows.Count(row => row.HasTarget), missed = rows.Count(row => row.Missed);
        text.AppendLine($"* ONNX Runtime {OrtEnv.Instance().GetVersionString()}: intra-op {threads}, inter-op 1, all optimisations, inputs and outputs bound beforehand.");
        text.AppendLine($"* Each side in a process of its own, {rounds} rounds taking turns, medians; batch 1, f32, {threads} threads each. Results were compared before timing.");
        text.AppendLine("* % of copy: bytes that must be read and written a second, over those of a `memcpy` of 256 MiB on as many threads in the same rounds. Batch and group norm read twice.");
        text.AppendLine("* \"times as fast\": the fastest peer's time over ours.");
        text.AppendLine($"* {targets - missed} of {targets} targets met.").AppendLine();
        text.AppendLine(Row.Header).AppendLine(Row.Rule);
        foreach (Row row in rows)
        {
            text.AppendLine(row.Line);
        }

        string path = Path.Combine(Machine.ResultsFolder(), complete ? "compare.md" : "compare-part.md");
        File.WriteAllText(path, text.ToString());
        Console.WriteLine($"{targets - missed} of {targets} targets met. Written: {path}");
    }
}
