namespace CoDetr.Data;

/// <summary>
/// Precision over recall for every threshold, class, area range and limit; -1 where nothing is to be found. As the COCO API's accumulate().
/// </summary>
public sealed class AveragePrecision
{
    internal const int RecallPoints = 101;

    private static readonly double[] RecallThresholds = [.. Enumerable.Range(0, RecallPoints).Select(i => i == RecallPoints - 1 ? 1 : i * 0.01)];

    private readonly int _classes;
    private readonly int _limits;

    internal AveragePrecision(int classes, int limits)
    {
        (_classes, _limits) = (classes, limits);
        int cells = BoxMatching.Thresholds.Length * classes * AreaRanges.Count * limits;
        (Precision, Scores, Recall) = (new double[cells * RecallPoints], new double[cells * RecallPoints], new double[cells]);
        Array.Fill(Precision, -1);
        Array.Fill(Scores, -1);
        Array.Fill(Recall, -1);
    }

    /// <summary><c>f64[10 thresholds, 101 recalls, classes, 4 areas, 3 limits]</c></summary>
    public double[] Precision { get; }

    /// <summary>The score at which each precision is reached, same shape.</summary>
    public double[] Scores { get; }

    /// <summary><c>f64[10 thresholds, classes, 4 areas, 3 limits]</c>: the largest recall reached.</summary>
    public double[] Recall { get; }

    internal double PrecisionAt(int threshold, int recall, int label, int range, int limit) => Precision[Index(threshold, recall, label, range, limit)];

    internal double RecallAt(int threshold, int label, int range, int limit) => Recall[RecallIndex(threshold, label, range, limit)];

    /// <summary>Fills in one class for one range and limit from all images, in order.</summary>
    internal void Accumulate(IReadOnlyList<BoxMatching> images, int label, int range, int limit, int maxDetections)
    {
        int positives = images.Sum(m => m.Positives[range]);
        if (positives == 0)
            return;
        var all = images.SelectMany((m, image) => m.Scores.Take(maxDetections).Select((score, rank) => (Score: score, Image: image, Rank: rank)));
        (double Score, int Image, int Rank)[] ranked = [.. all.OrderByDescending(d => d.Score)]; // stable: equal scores keep the order of images
        for (int threshold = 0; threshold < BoxMatching.Thresholds.Length; threshold++)
        {
            var (recalls, precisions) = Curve(images, ranked, range, threshold, positives);
            Recall[RecallIndex(threshold, label, range, limit)] = recalls.Length == 0 ? 0 : recalls[^1];
            for (int r = 0, at = 0; r < RecallPoints; r++)
            {
                while (at < recalls.Length && recalls[at] < RecallThresholds[r])
                    at++;
                int index = Index(threshold, r, label, range, limit);
                (Precision[index], Scores[index]) = at < recalls.Length ? (precisions[at], ranked[at].Score) : (0, 0);
            }
        }
    }

    private static (double[] Recalls, double[] Precisions) Curve(
        IReadOnlyList<BoxMatching> images, (double Score, int Image, int Rank)[] ranked, int range, int threshold, int positives)
    {
        const double Epsilon = 2.220446049250313e-16; // the spacing of doubles at 1
        var (recalls, precisions) = (new double[ranked.Length], new double[ranked.Length]);
        double right = 0, wrong = 0;
        for (int i = 0; i < ranked.Length; i++)
        {
            BoxMatching matching = images[ranked[i].Image];
            if (!matching.Ignored(range, threshold)[ranked[i].Rank])
            {
                if (matching.Matched(range, threshold)[ranked[i].Rank])
                    right++;
                else
                    wrong++;
            }
            recalls[i] = right / positives;
            precisions[i] = right / (wrong + right + Epsilon);
        }
        for (int i = precisions.Length - 1; i > 0; i--) // never lower than further right
            precisions[i - 1] = Math.Max(precisions[i - 1], precisions[i]);
        return (recalls, precisions);
    }

    private int Index(int threshold, int recall, int label, int range, int limit) =>
        (((threshold * RecallPoints + recall) * _classes + label) * AreaRanges.Count + range) * _limits + limit;

    private int RecallIndex(int threshold, int label, int range, int limit) => ((threshold * _classes + label) * AreaRanges.Count + range) * _limits + limit;
}
