using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden;

/// <summary>The reference's draws of denoising queries by row. It draws a new label only for the rows that get one.</summary>
internal static class DenoisingDraws
{
    /// <param name="numbers">Random numbers by consumer; four are added.</param>
    /// <param name="golden">The case.</param>
    /// <param name="names">Of the arrays: chances, new labels, sign bits, sizes.</param>
    /// <param name="config">Of the model.</param>
    /// <param name="objects">Of each picture.</param>
    internal static void Add(Dictionary<string, Tensor> numbers, GoldenCase golden, string[] names, DetectorConfig config, IReadOnlyList<int> objects)
    {
        DenoisingSettings settings = config.Denoising!;
        int most = objects.Max(), rows = 2 * QueryDenoising.Groups(settings, most) * most * objects.Count;
        float[] chance = golden.Floats(names[0]);
        Queue<int> drawn = new(golden.Ints(names[1]));
        float[] labels = [.. chance.Select(p => p < 0.5f * settings.LabelNoise ? (drawn.Dequeue() + 0.5f) / config.Classes : 0)];
        if (drawn.Count > 0)
        {
            throw new InvalidOperationException($"{golden.Name}: {drawn.Count} new labels of denoising queries found no row.");
        }

        numbers["denoising.chance"] = Padded(chance, [rows]);
        numbers["denoising.label"] = Padded(labels, [rows]);
        numbers["denoising.sign"] = Padded(golden.Floats(names[2]), [rows, 4]); // bits: 0 or 1
        numbers["denoising.size"] = Padded(golden.Floats(names[3]), [rows, 4]);
    }

    /// <summary>Rows beyond the objects of all pictures are read by nobody.</summary>
    private static Tensor Padded(float[] values, Shape shape)
    {
        float[] all = new float[shape.Count];
        values.CopyTo(all, 0);
        return Tensor.From(all, shape);
    }
}
