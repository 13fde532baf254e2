namespace CoDetr.Data;

/// <summary>The ranges of area that COCO reports apart, closed on both sides, in square pixels.</summary>
internal static class AreaRanges
{
    internal const int All = 0, Small = 1, Medium = 2, Large = 3, Count = 4;

    private static readonly (double Low, double High)[] Ranges = [(0, 1e10), (0, 32 * 32), (32 * 32, 96 * 96), (96 * 96, 1e10)];

    internal static bool Contains(int range, double area) => area >= Ranges[range].Low && area <= Ranges[range].High;
}

/// <summary>
/// The detections of one class in one image beside what is truly there: for each area range and IoU threshold,
/// which detections are right, wrong, or do not count.
/// </summary>
internal sealed class BoxMatching
{
    /// <summary>IoU thresholds .50:.05:.95, with the last bits that the COCO API gives them.</summary>
    internal static readonly double[] Thresholds = [.. Enumerable.Range(0, 10).Select(i => i == 9 ? 0.95 : i * ((0.95 - 0.5) / 9) + 0.5)];

    private readonly bool[] _matched; // [range, threshold, detection]
    private readonly bool[] _ignored;

    /// <param name="truths">objects of this class in this image, crowds included</param>
    /// <param name="detections">of this class in this image, best first, cut to the largest limit</param>
    internal BoxMatching(IReadOnlyList<CocoAnnotation> truths, IReadOnlyList<ScoredBox> detections)
    {
        Scores = [.. detections.Select(d => d.Score)];
        Positives = new int[AreaRanges.Count];
        int size = AreaRanges.Count * Thresholds.Length * detections.Count;
        (_matched, _ignored) = (new bool[size], new bool[size]);
        double[,] overlaps = Overlaps(truths, detections);
        for (int range = 0; range < AreaRanges.Count; range++)
            Match(range, truths, detections, overlaps);
    }

    /// <summary>Best first.</summary>
    internal double[] Scores { get; }

    /// <summary>Objects that count, by area range.</summary>
    internal int[] Positives { get; }

    internal ReadOnlySpan<bool> Matched(int range, int threshold) => Part(_matched, range, threshold);

    internal ReadOnlySpan<bool> Ignored(int range, int threshold) => Part(_ignored, range, threshold);

    private Span<bool> Part(bool[] all, int range, int threshold) => all.AsSpan((range * Thresholds.Length + threshold) * Scores.Length, Scores.Length);

    private void Match(int range, IReadOnlyList<CocoAnnotation> truths, IReadOnlyList<ScoredBox> detections, double[,] overlaps)
    {
        bool[] truthIgnored = [.. truths.Select(t => t.IsCrowd || !AreaRanges.Contains(range, t.Area))];
        int[] order = [.. Enumerable.Range(0, truths.Count).OrderBy(t => truthIgnored[t])]; // stable: those that count come first
        Positives[range] = truthIgnored.Count(ignored => !ignored);
        var taken = new bool[truths.Count];
        for (int threshold = 0; threshold < Thresholds.Length; threshold++)
        {
            Array.Clear(taken);
            Span<bool> matched = Part(_matched, range, threshold), ignored = Part(_ignored, range, threshold);
            for (int d = 0; d < detections.Count; d++)
            {
                int best = Best(d, Math.Min(Thresholds[threshold], 1 - 1e-10));
                if (best >= 0)
                    (taken[best], matched[d], ignored[d]) = (true, true, truthIgnored[best]);
                else
                    ignored[d] = !AreaRanges.Contains(range, detections[d].Width * detections[d].Height);
            }
        }

        // The best free object; of equal ones the last. An ignored object is taken only where no other fits. Crowds are never used up.
        int Best(int d, double least)
        {
            int best = -1;
            foreach (int t in order)
            {
                if (taken[t] && !truths[t].IsCrowd)
                    continue;
                if (best >= 0 && !truthIgnored[best] && truthIgnored[t])
                    break;
                if (overlaps[d, t] < least)
                    continue;
                (least, best) = (overlaps[d, t], t);
            }
            return best;
        }
    }

    /// <summary>IoU; over a crowd the intersection's share of the detection.</summary>
    private static double[,] Overlaps(IReadOnlyList<CocoAnnotation> truths, IReadOnlyList<ScoredBox> detections)
    {
        var overlaps = new double[detections.Count, truths.Count];
        for (int d = 0; d < detections.Count; d++)
            for (int t = 0; t < truths.Count; t++)
            {
                ScoredBox a = detections[d];
                CocoAnnotation b = truths[t];
                double width = Math.Min(a.X + a.Width, b.X + b.Width) - Math.Max(a.X, b.X);
                double height = Math.Min(a.Y + a.Height, b.Y + b.Height) - Math.Max(a.Y, b.Y);
                if (width <= 0 || height <= 0)
                    continue;
                double intersection = width * height, area = a.Width * a.Height;
                overlaps[d, t] = intersection / (b.IsCrowd ? area : area + b.Width * b.Height - intersection);
            }
        return overlaps;
    }
}
