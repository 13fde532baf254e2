using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>From a head's candidates to extra queries: which, where, with which targets and features.</summary>
internal static class PositiveQueryClaims
{
    internal static IReadOnlyList<Claim> List { get; } = [new("assign/aux_targets_*", Select)];

    private static void Select(GoldenCase golden)
    {
        ImageSize[] sizes = AssignmentClaims.Sizes(golden, "img_shape");
        bool isDense = golden.Has("coords.0"), padsWithZeros = golden.Config.GetProperty("use_zero_padding").GetBoolean();
        int classes = golden.Config.GetProperty("num_classes").GetInt32(), batch = sizes.Length, rows = isDense ? golden.ShapeOf("coords.0")[0] : golden.ShapeOf("coords")[1];
        T[] All<T>(string name, Func<string, T[]> read) => isDense ? [.. Enumerable.Range(0, batch).SelectMany(b => read($"{name}.{b}"))] : read(name);
        int[] labels = All("labels", golden.Ints);
        float[] coords = All("coords", golden.Floats);
        (Truth truth, int[] index) = Objects(labels, All("targets", golden.Floats), batch, classes);
        Tensor[] maps = [.. golden.Names("inputs").Where(name => name.StartsWith("feats.", StringComparison.Ordinal)).Select(name => golden.ChannelsLast(name))];
        Tensor tokens = Tensor.Concat(1, [.. maps.Select(map => map.Reshape(batch, map.Shape[1] * map.Shape[2], map.Shape[3]))]);
        PositiveCandidates candidates = new(
            Tensor.From(coords, [batch, rows, 4]), new Assignment(Tensor.From(index, [batch, rows])), isDense ? null : golden.Tensor("roi_feats"));
        int length = PositiveSelection.Length(
            PositiveSelection.CountLargest(candidates).ToArray<int>()[0], golden.Config.GetProperty("max_pos_coords").GetInt32());
        PositiveQueries queries = PositiveSelection.Select(
            candidates, length, tokens, ImageBatch.Upload(sizes), padsWithZeros, Recorded(golden, index, batch, length, padsWithZeros));
        golden.Compare("aux_coords", queries.Boxes);
        golden.Compare("aux_feats", queries.Features);
        int[] fates = queries.Assignment.Index.ToArray<int>(), objectLabels = truth.Labels.ToArray<int>();
        int most = truth.Labels.Shape[1];
        golden.Compare<int>("aux_labels", [.. fates.Select((k, i) => k < 0 ? classes : objectLabels[(i / length * most) + k])]);
        golden.Compare<float>("aux_label_weights", [.. fates.Select(k => k == Assignment.Ignored ? 0f : 1f)]);
        golden.Compare<float>("aux_bbox_weights", [.. fates.SelectMany(k => Enumerable.Repeat(k < 0 ? 0f : 1f, 4))]);
        float[] places = queries.Boxes.ToArray(), stored = All("targets", golden.Floats), boxes = truth.Boxes.ToArray();
        golden.Compare<float>("aux_targets", [.. fates.SelectMany((k, i) => k switch
        {
            Assignment.Ignored => new float[4],
            Assignment.Negative => Unit(stored.AsSpan(4 * RowAt(coords, places.AsSpan(4 * i, 4), i / length, rows, sizes), 4), sizes[i / length]),
            _ => Unit(boxes.AsSpan(((i / length * most) + k) * 4, 4), sizes[i / length]),
        })]);
        if (golden.Has("attn_masks"))
        {
            bool[] gaps = [.. fates.Select(k => k == Assignment.Ignored)];
            int heads = golden.ShapeOf("attn_masks")[0] / batch;
            golden.Compare<bool>("attn_masks", [.. from b in Enumerable.Range(0, batch)
                                                   from head in Enumerable.Range(0, heads)
                                                   from q in Enumerable.Range(0, length)
                                                   from k in Enumerable.Range(0, length)
                                                   select gaps[(b * length) + q] || gaps[(b * length) + k]]);
        }
    }

    /// <summary>Every positive as an object of its own: the stored lists do not say which object it is.</summary>
    private static (Truth Truth, int[] Index) Objects(int[] labels, float[] targets, int batch, int classes)
    {
        int rows = labels.Length / batch;
        List<float>[] boxes = [.. Enumerable.Range(0, batch).Select(_ => new List<float>())];
        List<int>[] kinds = [.. Enumerable.Range(0, batch).Select(_ => new List<int>())];
        int[] index = new int[labels.Length];
        for (int i = 0; i < labels.Length; i++)
        {
            index[i] = labels[i] == classes ? Assignment.Negative : kinds[i / rows].Count;
            if (index[i] >= 0)
            {
                kinds[i / rows].Add(labels[i]);
                boxes[i / rows].AddRange(targets.AsSpan(i * 4, 4));
            }
        }

        return (Truth.From([.. boxes.Select(b => b.ToArray())], [.. kinds.Select(k => k.ToArray())]), index);
    }

    /// <summary>The stored permutations, one for each picture that draws, as numbers of the pool's members.</summary>
    private static Draws Recorded(GoldenCase golden, int[] index, int batch, int length, bool padsWithZeros)
    {
        int rows = index.Length / batch;
        float[] positives = new float[index.Length], negatives = new float[index.Length];
        Queue<string> draws = new(golden.Names("random_draws"));
        for (int b = 0; b < batch; b++)
        {
            int count = index.AsSpan(b * rows, rows).ToArray().Count(k => k >= 0);
            if (count > length || (count < length && !padsWithZeros))
            {
                int[] permutation = golden.Ints(draws.Dequeue());
                for (int i = 0; i < permutation.Length; i++)
                {
                    (count > length ? positives : negatives)[(b * rows) + permutation[i]] = i;
                }
            }
        }

        return Draws.Given(new Dictionary<string, Tensor>
        {
            ["positives"] = Tensor.From(positives, [batch, rows]),
            ["negatives"] = Tensor.From(negatives, [batch, rows]),
        });
    }

    /// <summary>The candidate that lies at a query's place: a negative's stored target, which no loss looks at, is not zero everywhere.</summary>
    private static int RowAt(float[] coords, ReadOnlySpan<float> place, int image, int rows, ImageSize[] sizes)
    {
        int row = image * rows;
        while (!place.SequenceEqual(Unit(coords.AsSpan(4 * row, 4), sizes[image])))
        {
            row++;
        }

        return row;
    }

    private static float[] Unit(ReadOnlySpan<float> box, ImageSize size)
    {
        (float x1, float y1, float x2, float y2) = (box[0] / size.Width, box[1] / size.Height, box[2] / size.Width, box[3] / size.Height);
        return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1];
    }
}
