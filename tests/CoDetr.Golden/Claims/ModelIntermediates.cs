using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>What a training step of a whole model computes on its way: maps, queries, predictions, matchings, samples.</summary>
internal static class ModelIntermediates
{
    internal static void Compare(GoldenCase golden, Scene scene, Draws draws)
    {
        using NoGrad off = NoGrad.Begin();
        (Detector model, DetectorConfig config, ImageBatch seen) = (scene.Model, scene.Model.Config, scene.Model.Seen(scene.Pictures));
        Tensor[] levels = model.Features(seen, draws);
        Maps(golden, "mid.neck", levels);
        TokenGrid grid = Detector.GridOf(levels, seen);
        EncoderOutput encoded = model.Head.Encode(levels, grid);
        golden.Compare("mid.out.enc_cls_scores", encoded.Logits);
        golden.Compare("mid.out.enc_bbox_preds", encoded.Boxes);
        FeatureMaps maps = model.Maps(encoded, grid, seen, scene.Pictures);
        Maps(golden, "mid.out.enc_feats", maps.Maps);

        IReadOnlyList<PositiveQueries> positives = model.Auxiliary.Train(maps, scene.Truth, draws).Positives;
        Positives(golden, positives, scene, seen);
        Samples(golden, model.Auxiliary, maps, scene, draws);

        IReadOnlyList<QueryGroup> groups = model.Head.TrainingQueries(encoded, positives, scene.Truth, seen.ValidSizes, draws);
        QueryPredictions predictions = model.Head.Decode(encoded, groups, grid);
        Predictions(golden, predictions, groups, positives.Count);
        Denoising(golden, groups);
        MatchTruth objects = SetPredictionLoss.ToMatch(scene.Truth, seen.ValidSizes);
        Matching(golden, encoded, predictions, groups, objects, config);
    }

    /// <summary>Large maps are stored for every 8th channel only.</summary>
    private static void Maps(GoldenCase golden, string name, IReadOnlyList<Tensor> maps)
    {
        for (int i = 0; i < maps.Count; i++)
        {
            string thinned = $"{name}.{i}.every8th_channel";
            if (golden.Has(thinned))
            {
                Shape shape = maps[i].Shape;
                golden.CompareChannelsLast(thinned, maps[i].Reshape(shape[0], shape[1], shape[2], shape[3] / 8, 8).Slice(-1, 0, 1).Reshape(shape[0], shape[1], shape[2], shape[3] / 8));
            }
            else
            {
                golden.CompareChannelsLast($"{name}.{i}", maps[i]);
            }
        }
    }

    private static void Positives(GoldenCase golden, IReadOnlyList<PositiveQueries> positives, Scene scene, ImageBatch seen)
    {
        (int[] labels, float[] boxes) = (scene.Truth.Labels.ToArray<int>(), scene.Truth.Boxes.ToArray());
        int most = scene.Truth.Labels.Shape[1];
        for (int head = 0; head < positives.Count; head++)
        {
            string name = $"mid.aux.{head}.";
            int length = positives[head].Boxes.Shape[1];
            int[] index = positives[head].Assignment.Index.ToArray<int>();
            golden.Compare(name + "coords", positives[head].Boxes);
            golden.Compare<int>(name + "labels", [.. index.Select((k, i) => k < 0 ? scene.Model.Config.Classes : labels[(i / length * most) + k])]);
            golden.Compare<float>(name + "targets", [.. index.SelectMany((k, i) => k < 0 ? new float[4] : Unit(boxes.AsSpan(((i / length * most) + k) * 4, 4), seen.Sizes[i / length]))]);
            golden.Compare<float>(name + "label_weights", [.. index.Select(k => k == Assignment.Ignored ? 0f : 1f)]);
            golden.Compare<float>(name + "bbox_weights", [.. index.SelectMany(k => Enumerable.Repeat(k >= 0 ? 1f : 0f, 4))]);
            golden.Compare(name + "feats", positives[head].Features);
            if (golden.Has(name + "attn_masks"))
            {
                // The reference repeats the mask for each attention head.
                byte[][] masks = [.. Tensor.BlockedQueries([new QuerySpan(length)], 0, positives[head].Assignment.Index).ToArray<byte>().Chunk(length * length)];
                int copies = golden.ShapeOf(name + "attn_masks")[0] / masks.Length;
                golden.Compare<byte>(name + "attn_masks", [.. masks.SelectMany(mask => Enumerable.Repeat(mask, copies)).SelectMany(mask => mask)]);
            }
        }
    }

    private static float[] Unit(ReadOnlySpan<float> corners, ImageSize size)
    {
        (float x1, float y1, float x2, float y2) = (corners[0] / size.Width, corners[1] / size.Height, corners[2] / size.Width, corners[3] / size.Height);
        return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1];
    }

    /// <summary>What the region-proposal head and the first head that pools regions learn from.</summary>
    private static void Samples(GoldenCase golden, CollaborativeHeads heads, FeatureMaps maps, Scene scene, Draws draws)
    {
        if (heads.ProposalHead is not { } head)
        {
            return;
        }

        DetectorConfig config = scene.Model.Config;
        Assignment ofAnchors = RandomSampler.Sample(head.Assign(maps, scene.Truth), config.Proposals!.Samples, 0.5f, draws.For("rpn"));
        byte[] valid = maps.Levels.ValidPriors(maps.PriorSizes, config.FirstStride, RegionProposalHead.PerToken).ToArray<byte>();
        Places(golden, "mid.rpn_sample", ofAnchors.Index, (image, row) => valid[(image * ofAnchors.Index.Shape[1]) + row] != 0);
        Proposals proposals = head.Train(maps, scene.Truth, draws.For("rpn")).Proposals;
        ModelInference.CompareProposals(golden, proposals, "mid.rpn_proposals.{0}");

        FasterRcnnConfig settings = (FasterRcnnConfig)config.OrderedAuxiliary[0];
        Draws own = draws.For(heads.DrawNames[0]);
        Assignment ofProposals = FasterRcnnHead.Assign(proposals, scene.Truth);
        (_, Tensor whole) = proposals.Boxes.PrependTruth(proposals.Counts, ofProposals.Index, scene.Truth.Boxes, scene.Truth.Counts);
        Places(golden, "mid.rcnn_sample", RandomSampler.Sample(new Assignment(whole), settings.Samples, settings.PositiveShare, own).Index, (image, row) => row < scene.Truth.Objects[image] || row >= scene.Truth.Boxes.Shape[1]);
        SampledBoxes sampled = RandomSampler.Gather(
            proposals.Boxes, proposals.Counts, ofProposals, scene.Truth, settings.Samples, settings.PositiveShare, own);
        float[] boxes = sampled.Boxes.ToArray();
        int[] counts = sampled.Counts.ToArray<int>(), index = sampled.Assignment.Index.ToArray<int>();
        int most = sampled.Boxes.Shape[1];
        for (int image = 0; image < counts.Length; image++)
        {
            golden.Compare<float>($"mid.rcnn_sample.{image}.bboxes", boxes[(image * most * 4)..(((image * most) + counts[image]) * 4)]);
            golden.Compare<int>($"mid.rcnn_sample.{image}.pos_assigned_gt_inds", [.. index[(image * most)..((image + 1) * most)].Where(k => k >= 0)]);
        }
    }

    /// <summary>The places of positives and negatives among the rows that the reference has: it knows neither padded truth nor anchors on padding.</summary>
    private static void Places(GoldenCase golden, string name, Tensor index, Func<int, int, bool> isThere)
    {
        foreach ((int image, int[] fate) in index.ToArray<int>().Chunk(index.Shape[1]).Index())
        {
            int[] own = [.. fate.Where((_, row) => isThere(image, row))];
            golden.Compare<int>($"{name}.{image}.pos_inds", [.. Enumerable.Range(0, own.Length).Where(i => own[i] >= 0)]);
            golden.Compare<int>($"{name}.{image}.neg_inds", [.. Enumerable.Range(0, own.Length).Where(i => own[i] == Assignment.Negative)]);
        }
    }

    /// <summary>Main queries with the denoising ones before them, then those of each head.</summary>
    private static void Predictions(GoldenCase golden, QueryPredictions predictions, IReadOnlyList<QueryGroup> groups, int heads)
    {
        Tensor logits = Tensor.Stack(0, [.. predictions.Logits]), boxes = Tensor.Stack(0, [.. predictions.Boxes]);
        int main = groups.Take(groups.Count - heads).Sum(group => group.Span.Count), begin = main;
        golden.Compare("mid.out.all_cls_scores", logits.Slice(2, 0, main));
        golden.Compare("mid.out.all_bbox_preds", boxes.Slice(2, 0, main));
        for (int head = 0; head < heads; head++)
        {
            int count = groups[groups.Count - heads + head].Span.Count;
            golden.Compare($"mid.aux_out.{head}.cls_scores", logits.Slice(2, begin, count));
            golden.Compare($"mid.aux_out.{head}.bbox_preds", boxes.Slice(2, begin, count));
            begin += count;
        }
    }

    private static void Denoising(GoldenCase golden, IReadOnlyList<QueryGroup> groups)
    {
        if (!golden.Has("mid.dn.pad_size"))
        {
            return;
        }

        QueryGroup? denoising = groups.FirstOrDefault(group => group.Span.SeesMain);
        int main = groups.First(group => group.Assignment is null).Span.Count, pad = denoising?.Span.Count ?? 0;
        golden.Compare<int>("mid.dn.pad_size", [pad]);
        if (denoising is not null)
        {
            golden.Compare<int>("mid.dn.num_groups", [denoising.Span.Parts]);
            golden.Compare("mid.dn.label_query", denoising.Content);
            golden.Compare("mid.dn.bbox_query", denoising.Reference.InverseSigmoid(1e-3f));
            Tensor blocked = Tensor.BlockedQueries([denoising.Span, new QuerySpan(main)], main: 1);
            golden.Compare("mid.dn.attn_mask", blocked);
        }
    }

    /// <summary>
    /// The reference matches picture by picture: for Co-Deformable layer by layer, then the encoder's proposals; for Co-DINO the proposals first. 0 is
    /// background, k + 1 object k.
    /// </summary>
    private static void Matching(
        GoldenCase golden, EncoderOutput encoded, QueryPredictions predictions, IReadOnlyList<QueryGroup> groups, MatchTruth objects, DetectorConfig config)
    {
        bool isDino = config.Kind == QueryKind.Dino;
        (int begin, int count) = (groups.TakeWhile(group => group.Assignment is not null).Sum(group => group.Span.Count), groups.First(group => group.Assignment is null).Span.Count);
        Tensor logits = Tensor.Concat(0, [.. predictions.Logits]).Slice(1, begin, count), boxes = Tensor.Concat(0, [.. predictions.Boxes]).Slice(1, begin, count);
        int[][] decoder = [.. SetPredictionLoss.Match(logits, boxes, objects, config).ToArray<int>().Chunk(count)];
        int[][] encoder = [.. SetPredictionLoss.Match(encoded.Logits, encoded.Boxes, isDino ? objects : objects with { Labels = null }, config).ToArray<int>().Chunk(encoded.Boxes.Shape[1])];
        int at = 0;
        foreach (int[] match in isDino ? [.. encoder, .. decoder] : (int[][])[.. decoder, .. encoder])
        {
            string name = $"mid.hungarian.{at++:00}.gt_inds";
            if (golden.Has(name))
            {
                golden.Compare<int>(name, [.. match.Select(k => k + 1)]);
            }
        }
    }
}
