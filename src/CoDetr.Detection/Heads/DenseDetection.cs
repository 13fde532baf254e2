using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>What becomes of a dense head's predictions where it detects by itself (spec/evaluation.md §2).</summary>
public sealed record DenseDetectionConfig
{
    /// <summary>Candidates of each level.</summary>
    public int PerLevel { get; init; } = 1000;

    /// <summary>Only scores above it are candidates.</summary>
    public float ScoreThreshold { get; init; }

    /// <summary>How candidates that overlap better ones are dropped.</summary>
    public SuppressionSettings Suppression { get; init; } = SuppressionSettings.Hard(0.6f);

    /// <summary>The most objects of one picture.</summary>
    public int MaxDetections { get; init; } = 100;
}

/// <summary>From predictions for every prior to detections, all on the device.</summary>
internal static class DenseDetection
{
    /// <summary>
    /// The best (prior, class) pairs of each level by class score, which is then multiplied by the box's quality, and what suppression leaves of them.
    /// </summary>
    /// <param name="found">What the head predicts; its boxes are not looked at.</param>
    /// <param name="boxes">Corners in pixels, <c>f32[batch, rows, 4]</c>.</param>
    /// <param name="levels">The maps.</param>
    /// <param name="perToken">Priors of each cell.</param>
    /// <param name="config">How many.</param>
    internal static HeadDetections Detect(DensePredictions found, Tensor boxes, FeatureLevels levels, int perToken, DenseDetectionConfig config)
    {
        // The best pairs of a level lie in the rows with the best classes: only these are looked at class by class.
        (Tensor rows, int[] taken) = BestRows(found.Logits.Max(-1), levels, perToken, config);
        Tensor scores = found.Logits.GatherRows(rows).Sigmoid();
        (Tensor corners, Tensor ofPairs, Tensor labels) = scores.LevelTopPairs(
            boxes.GatherRows(rows), found.Quality?.GatherRows(rows).Sigmoid(), taken, config.PerLevel, config.ScoreThreshold);
        return Suppression.Detect(corners, ofPairs, labels, config.Suppression, config.MaxDetections);
    }

    /// <summary>The priors of each level with the largest numbers, and how many there are of each level.</summary>
    /// <param name="scores"><c>f32[batch, rows]</c></param>
    /// <param name="levels">The maps.</param>
    /// <param name="perToken">Priors of each cell.</param>
    /// <param name="config">How many.</param>
    internal static (Tensor Rows, int[] Taken) BestRows(Tensor scores, FeatureLevels levels, int perToken, DenseDetectionConfig config)
    {
        int[] sizes = [.. Enumerable.Range(0, levels.Count).Select(level => levels[level].Height * levels[level].Width * perToken)];
        return (scores.LevelTopRows(sizes, config.PerLevel), [.. sizes.Select(size => Math.Min(size, config.PerLevel))]);
    }
}
