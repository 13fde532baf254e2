namespace CoDetr.Tests.Detection;

/// <summary>The layers of a dense head in double precision, loop by loop: maps to predictions.</summary>
/// <param name="kind">Names and numbers.</param>
/// <param name="weights">By name, in checkpoint layout.</param>
/// <param name="width">Channels of the maps.</param>
internal sealed class DenseForward(DenseKind kind, IReadOnlyDictionary<string, double[]> weights, int width)
{
    private const int Groups = 32;

    /// <param name="scene">Sizes of the maps.</param>
    /// <param name="maps">Finest first, <c>[batch, height, width, channels]</c> each.</param>
    internal PlainPredictions Predict(HeadScene scene, double[][] maps)
    {
        int places = scene.Batch * scene.Squares.Rows * kind.PerToken;
        PlainPredictions found = new(new double[places][], new double[places][], new double[places]);
        int first = 0;
        for (int level = 0; level < maps.Length; level++)
        {
            (int height, int columns) = scene.Maps[level];
            double scale = weights.TryGetValue($"scales.{level}.scale", out double[]? own) ? own[0] : 1;
            for (int image = 0; image < scene.Batch; image++)
            {
                double[] map = maps[level].AsSpan(image * height * columns * width, height * columns * width).ToArray();
                double[] forClasses = Tower("cls_convs", map, height, columns), forBoxes = Tower("reg_convs", map, height, columns);
                double[] classes = Convolve(kind.Prefix + "cls", forClasses, height, columns), boxes = Convolve(kind.Prefix + "reg", forBoxes, height, columns);
                double[]? quality = kind.HasQuality ? Convolve(kind.Prefix + "centerness", kind.Quality == 'c' ? forClasses : forBoxes, height, columns) : null;
                for (int i = 0; i < height * columns * kind.PerToken; i++)
                {
                    int place = (image * places / scene.Batch) + first + i;
                    found.Logits[place] = classes[(i * scene.Classes)..((i + 1) * scene.Classes)];
                    found.Boxes[place] = [.. boxes[(i * kind.BoxNumbers)..((i + 1) * kind.BoxNumbers)].Select(x => x * scale)];
                    found.Quality[place] = quality?[i] ?? 0;
                }
            }

            first += height * columns * kind.PerToken;
        }

        return found;
    }

    private double[] Tower(string name, double[] map, int height, int columns)
    {
        for (int i = 0; weights.ContainsKey($"{name}.{i}.conv.weight"); i++)
        {
            map = Convolve($"{name}.{i}.conv", map, height, columns);
            map = weights.TryGetValue($"{name}.{i}.gn.weight", out double[]? scales) ? Normalized(map, scales, weights[$"{name}.{i}.gn.bias"]) : map;
            map = [.. map.Select(x => Math.Max(x, 0))];
        }

        return map;
    }

    /// <summary>3×3, one pixel of zeros around.</summary>
    private double[] Convolve(string name, double[] map, int height, int columns)
    {
        double[] filters = weights[name + ".weight"];
        double[]? bias = weights.GetValueOrDefault(name + ".bias");
        int outputs = filters.Length / width / 9;
        double[] y = new double[height * columns * outputs];
        for (int at = 0; at < y.Length; at++)
        {
            (int cell, int output) = (at / outputs, at % outputs);
            y[at] = bias?[output] ?? 0;
            for (int tap = 0; tap < 9; tap++)
            {
                (int row, int column) = ((cell / columns) + (tap / 3) - 1, (cell % columns) + (tap % 3) - 1);
                if (row >= 0 && row < height && column >= 0 && column < columns)
                {
                    int from = ((row * columns) + column) * width, filter = (output * width * 9) + tap;
                    for (int c = 0; c < width; c++)
                    {
                        y[at] += map[from + c] * filters[filter + (9 * c)];
                    }
                }
            }
        }

        return y;
    }

    private double[] Normalized(double[] map, double[] scales, double[] shifts)
    {
        int size = width / Groups;
        double[] y = new double[map.Length];
        for (int group = 0; group < Groups; group++)
        {
            int[] places = [.. Enumerable.Range(0, map.Length).Where(i => i % width / size == group)];
            double mean = places.Average(i => map[i]), variance = places.Average(i => (map[i] - mean) * (map[i] - mean));
            foreach (int i in places)
            {
                y[i] = ((map[i] - mean) / Math.Sqrt(variance + 1e-5f) * scales[i % width]) + shifts[i % width];
            }
        }

        return y;
    }
}
