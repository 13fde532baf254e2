namespace CoDetr.Data;

/// <summary>Fills a polygon exactly as the COCO API does (rlefrPoly), on a grid five times as fine.</summary>
internal static class PolygonRaster
{
    private const double Scale = 5;

    internal static RunLengths Rasterize(ReadOnlySpan<double> corners, int height, int width)
    {
        var (u, v) = Outline(corners);
        List<int> crossings = Crossings(u, v, height, width);
        crossings.Add(height * width);
        crossings.Sort();
        return new RunLengths(height, width, RunsOf(crossings));
    }

    /// <summary>Steps of one fine cell along the longer axis of every edge.</summary>
    private static (List<int> U, List<int> V) Outline(ReadOnlySpan<double> corners)
    {
        int count = corners.Length / 2;
        var (x, y) = (new int[count + 1], new int[count + 1]);
        for (int j = 0; j < count; j++)
            (x[j], y[j]) = ((int)(Scale * corners[2 * j] + .5), (int)(Scale * corners[2 * j + 1] + .5));
        (x[count], y[count]) = (x[0], y[0]);

        List<int> us = [], vs = [];
        for (int j = 0; j < count; j++)
        {
            int xs = x[j], xe = x[j + 1], ys = y[j], ye = y[j + 1];
            int dx = Math.Abs(xe - xs), dy = Math.Abs(ys - ye);
            bool alongX = dx >= dy, flip = alongX ? xs > xe : ys > ye;
            if (flip)
                (xs, xe, ys, ye) = (xe, xs, ye, ys);
            int steps = Math.Max(dx, dy);
            double slope = steps == 0 ? 0 : alongX ? (double)(ye - ys) / dx : (double)(xe - xs) / dy;
            for (int d = 0; d <= steps; d++)
            {
                int t = flip ? steps - d : d;
                us.Add(alongX ? t + xs : (int)(xs + slope * t + .5));
                vs.Add(alongX ? (int)(ys + slope * t + .5) : t + ys);
            }
        }
        return (us, vs);
    }

    /// <summary>Where the outline enters a new column of pixels: positions x·height + y.</summary>
    private static List<int> Crossings(List<int> u, List<int> v, int height, int width)
    {
        var crossings = new List<int>();
        for (int j = 1; j < u.Count; j++)
        {
            if (u[j] == u[j - 1])
                continue;
            double column = ((u[j] < u[j - 1] ? u[j] : u[j] - 1) + .5) / Scale - .5;
            if (Math.Floor(column) != column || column < 0 || column > width - 1)
                continue;
            double row = Math.Ceiling(Math.Clamp((Math.Min(v[j], v[j - 1]) + .5) / Scale - .5, 0, height));
            crossings.Add((int)column * height + (int)row);
        }
        return crossings;
    }

    /// <summary>Differences of sorted positions, runs of length zero merged with their neighbours.</summary>
    private static int[] RunsOf(List<int> positions)
    {
        var runs = new List<int>();
        int before = 0;
        bool merge = false;
        foreach (int position in positions)
        {
            int run = position - before;
            before = position;
            if (merge)
            {
                runs[^1] += run;
                merge = false;
            }
            else if (run > 0 || runs.Count == 0)
                runs.Add(run);
            else
                merge = true;
        }
        return [.. runs];
    }
}
