namespace CoDetr.Data;

/// <summary>Box AP as the COCO API computes it (cocoeval, bbox mode).</summary>
public static class CocoEvaluation
{
    /// <summary>Compares detections with the truth. Every image of the file takes part, with detections or without.</summary>
    /// <param name="truth">boxes as they stand in the file; area as annotated</param>
    /// <param name="detections">in any order; equal scores keep theirs</param>
    /// <param name="limits">null: 1, 10, 100</param>
    /// <param name="anyClass">whether classes do not matter, as if all were one (the COCO API's useCats = 0): how well objects are found, not named</param>
    public static CocoScores Evaluate(CocoFile truth, IReadOnlyList<ScoredBox> detections, DetectionLimits? limits = null, bool anyClass = false)
    {
        DetectionLimits chosen = limits ?? DetectionLimits.Coco;
        int classes = anyClass ? 1 : truth.Categories.Count;
        var curves = new AveragePrecision(classes, chosen.Values.Length);
        IReadOnlyList<BoxMatching>[] matchings = MatchAll(truth, detections, chosen.High, anyClass);
        for (int label = 0; label < classes; label++)
            for (int range = 0; range < AreaRanges.Count; range++)
                for (int limit = 0; limit < chosen.Values.Length; limit++)
                    curves.Accumulate(matchings[label], label, range, limit, chosen.Values[limit]);
        return Summarize(curves, chosen, classes);
    }

    /// <summary>For each class the images that have something of it, ordered by id as the COCO API does: that decides between equal scores.</summary>
    private static List<BoxMatching>[] MatchAll(CocoFile truth, IReadOnlyList<ScoredBox> detections, int most, bool anyClass)
    {
        int classes = anyClass ? 1 : truth.Categories.Count;
        var found = new Dictionary<(int Image, int Label), List<ScoredBox>>();
        IEnumerable<ScoredBox> inOrder = anyClass ? detections.OrderBy(d => d.Label) : detections;
        foreach (ScoredBox d in inOrder)
        {
            if ((uint)d.Image >= truth.Images.Count || (uint)d.Label >= truth.Categories.Count || double.IsNaN(d.Score))
                throw new ArgumentException($"detection {d} names no image or class of the truth, or has no score", nameof(detections));
            (int, int) key = (d.Image, anyClass ? 0 : d.Label);
            if (!found.TryGetValue(key, out List<ScoredBox>? list))
                found[key] = list = [];
            list.Add(d);
        }
        var matchings = new List<BoxMatching>[classes];
        for (int label = 0; label < classes; label++)
            matchings[label] = [];
        foreach (int image in Enumerable.Range(0, truth.Images.Count).OrderBy(i => truth.Images[i].Id))
        {
            ILookup<int, CocoAnnotation> objects = truth.Images[image].Annotations.OrderBy(a => a.Label).ToLookup(a => anyClass ? 0 : a.Label);
            for (int label = 0; label < classes; label++)
            {
                bool any = found.TryGetValue((image, label), out List<ScoredBox>? list);
                if (any || objects.Contains(label))
                    matchings[label].Add(new BoxMatching([.. objects[label]], any ? [.. list!.OrderByDescending(d => d.Score).Take(most)] : []));
            }
        }
        return matchings;
    }

    private static CocoScores Summarize(AveragePrecision curves, DetectionLimits limits, int classes)
    {
        const int High = 2; // index of the highest limit
        int[] all = [.. Enumerable.Range(0, classes)];
        int headline = Array.IndexOf(limits.Values, DetectionLimits.Headline);
        return new CocoScores(
            limits,
            headline < 0 ? -1 : Ap(all, AreaRanges.All, headline, null),
            Ap(all, AreaRanges.All, High, 0), Ap(all, AreaRanges.All, High, 5),
            Ap(all, AreaRanges.Small, High, null), Ap(all, AreaRanges.Medium, High, null), Ap(all, AreaRanges.Large, High, null),
            Ar(AreaRanges.All, 0), Ar(AreaRanges.All, 1), Ar(AreaRanges.All, 2),
            Ar(AreaRanges.Small, High), Ar(AreaRanges.Medium, High), Ar(AreaRanges.Large, High))
        {
            Curves = curves,
            Classes = [.. all.Select(c => new ClassScores(c,
                Ap([c], AreaRanges.All, High, null), Ap([c], AreaRanges.All, High, 0), Ap([c], AreaRanges.All, High, 5),
                Ap([c], AreaRanges.Small, High, null), Ap([c], AreaRanges.Medium, High, null), Ap([c], AreaRanges.Large, High, null)))],
        };

        double Ap(int[] labels, int range, int limit, int? threshold)
        {
            var valid = new Mean();
            foreach (int t in threshold is { } one ? [one] : Enumerable.Range(0, BoxMatching.Thresholds.Length))
                for (int r = 0; r < AveragePrecision.RecallPoints; r++)
                    foreach (int label in labels)
                        valid.Add(curves.PrecisionAt(t, r, label, range, limit));
            return valid.Value;
        }

        double Ar(int range, int limit)
        {
            var valid = new Mean();
            for (int t = 0; t < BoxMatching.Thresholds.Length; t++)
                foreach (int label in all)
                    valid.Add(curves.RecallAt(t, label, range, limit));
            return valid.Value;
        }
    }

    /// <summary>The mean of what is not -1; -1 of nothing.</summary>
    private struct Mean
    {
        private double _sum;
        private int _count;

        internal void Add(double value)
        {
            if (value > -1)
                (_sum, _count) = (_sum + value, _count + 1);
        }

        internal readonly double Value => _count == 0 ? -1 : _sum / _count;
    }
}
