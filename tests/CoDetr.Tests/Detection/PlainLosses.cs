namespace CoDetr.Tests.Detection;

/// <summary>Losses and box arithmetic one number at a time, in double precision (spec/losses-and-assignment.md §2, §3, §7).</summary>
internal static class PlainLosses
{
    private const double Epsilon = 1e-6f;
    private static readonly double MostShrunk = Math.Abs(Math.Log(16.0 / 1000));

    internal static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    internal static double Bce(double x, double t) => Math.Max(x, 0) - (x * t) + Math.Log(1 + Math.Exp(-Math.Abs(x)));

    /// <summary>The focal loss of a row; a label from the number of classes on is background, one below 0 is ignored.</summary>
    internal static double Focal(double[] logits, int label) => label < 0 ? 0 : logits.Select((x, c) =>
        c == label ? 0.25 * Math.Pow(1 - Sigmoid(x), 2) * Bce(x, 1) : 0.75 * Math.Pow(Sigmoid(x), 2) * Bce(x, 0)).Sum();

    /// <summary>The quality focal loss of a row.</summary>
    internal static double QualityFocal(double[] logits, int label, double score) => label < 0 ? 0 : logits.Select((x, c) =>
    {
        double t = c == label ? score : 0;
        return Math.Pow(t - Sigmoid(x), 2) * Bce(x, t);
    }).Sum();

    /// <summary>The distribution focal loss of one side.</summary>
    internal static double DistributionFocal(double[] logits, double target)
    {
        double logSum = Math.Log(logits.Sum(Math.Exp));
        int low = (int)Math.Floor(target);
        return ((low + 1 - target) * (logSum - logits[low])) + ((target - low) * (logSum - logits[low + 1]));
    }

    /// <summary>The mean bin of a distribution.</summary>
    internal static double Integral(double[] logits) => logits.Select((x, c) => c * Math.Exp(x)).Sum() / logits.Sum(Math.Exp);

    internal static double IoU(double[] a, double[] b)
    {
        double both = Shared(a, b);
        return both / Math.Max(Area(a) + Area(b) - both, Epsilon);
    }

    internal static double GIoULoss(double[] a, double[] b)
    {
        double both = Shared(a, b), either = Math.Max(Area(a) + Area(b) - both, Epsilon);
        double hull = Math.Max(Math.Max(0, Math.Max(a[2], b[2]) - Math.Min(a[0], b[0])) * Math.Max(0, Math.Max(a[3], b[3]) - Math.Min(a[1], b[1])), Epsilon);
        return 1 - (both / either) + ((hull - either) / hull);
    }

    /// <summary>A box from offsets to a prior.</summary>
    internal static double[] FromDeltas(double[] deltas, double[] prior, double[] deviations)
    {
        (double w, double h) = (prior[2] - prior[0], prior[3] - prior[1]);
        double x = ((prior[0] + prior[2]) / 2) + (w * deltas[0] * deviations[0]), y = ((prior[1] + prior[3]) / 2) + (h * deltas[1] * deviations[1]);
        double half = w * Math.Exp(Math.Clamp(deltas[2] * deviations[2], -MostShrunk, MostShrunk)) / 2;
        double tall = h * Math.Exp(Math.Clamp(deltas[3] * deviations[3], -MostShrunk, MostShrunk)) / 2;
        return [x - half, y - tall, x + half, y + tall];
    }

    /// <summary>A box from the distances of its sides to a point.</summary>
    internal static double[] FromDistances(double[] sides, (double X, double Y) point) =>
        [point.X - sides[0], point.Y - sides[1], point.X + sides[2], point.Y + sides[3]];

    /// <summary>The distances of a box's sides from a point.</summary>
    internal static double[] ToDistances(double[] box, (double X, double Y) point) => [point.X - box[0], point.Y - box[1], box[2] - point.X, box[3] - point.Y];

    /// <summary>How central a point lies in a box.</summary>
    internal static double Centerness(double[] box, (double X, double Y) point)
    {
        double[] d = ToDistances(box, point);
        return Math.Sqrt(Math.Min(d[0], d[2]) / Math.Max(d[0], d[2]) * (Math.Min(d[1], d[3]) / Math.Max(d[1], d[3])));
    }

    internal static (double X, double Y) Middle(double[] box) => ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2);

    /// <summary>Assignment by overlap, in the arithmetic of the device, since exactly equal overlaps count (spec/losses-and-assignment.md §5.1): one picture.</summary>
    /// <param name="priors">Corners.</param>
    /// <param name="valid">Which of them exist.</param>
    /// <param name="truth">Four numbers for each object.</param>
    /// <param name="positive">From this overlap on.</param>
    /// <param name="negative">Below this one.</param>
    internal static int[] AssignByOverlap(float[][] priors, bool[] valid, float[] truth, float positive, float negative)
    {
        int objects = truth.Length / 4;
        float[][] overlaps = [.. truth.Chunk(4).Select(t => priors.Select(p => Overlap(p, t)).ToArray())];
        int[] index = [.. priors.Select((_, row) =>
        {
            int best = Enumerable.Range(0, objects).OrderByDescending(k => overlaps[k][row]).FirstOrDefault(-1);
            float overlap = best < 0 ? 0 : overlaps[best][row];
            return !valid[row] ? -2 : overlap >= positive && best >= 0 ? best : overlap < negative ? -1 : -2;
        })];
        for (int k = 0; k < objects; k++)
        {
            float best = priors.Index().Where(p => valid[p.Index]).Select(p => overlaps[k][p.Index]).DefaultIfEmpty(float.NaN).Max();
            for (int row = 0; row < index.Length; row++)
            {
                index[row] = valid[row] && overlaps[k][row] == best ? k : index[row];
            }
        }

        return index;
    }

    private static double Area(double[] a) => (a[2] - a[0]) * (a[3] - a[1]);

    private static double Shared(double[] a, double[] b) =>
        Math.Max(0, Math.Min(a[2], b[2]) - Math.Max(a[0], b[0])) * Math.Max(0, Math.Min(a[3], b[3]) - Math.Max(a[1], b[1]));

    private static float Overlap(float[] a, float[] b)
    {
        float width = Math.Max(0, Math.Min(a[2], b[2]) - Math.Max(a[0], b[0])), height = Math.Max(0, Math.Min(a[3], b[3]) - Math.Max(a[1], b[1]));
        float both = width * height, areas = ((a[2] - a[0]) * (a[3] - a[1])) + ((b[2] - b[0]) * (b[3] - b[1]));
        return both / Math.Max(areas - both, 1e-6f);
    }
}
