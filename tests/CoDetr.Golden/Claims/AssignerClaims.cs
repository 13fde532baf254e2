using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>One-to-many assignment and sampling.</summary>
internal static class AssignerClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("assign/max_iou_*", MaxIou),
        new("assign/random_sampler_*", RandomSampling),
    ];

    private static void MaxIou(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        float Number(string name, float otherwise) => config.TryGetProperty(name, out JsonElement value) ? value.GetSingle() : otherwise;
        bool Says(string name) => !config.TryGetProperty(name, out JsonElement value) || value.GetBoolean(); // the reference's defaults are all true
        JsonElement negative = config.GetProperty("neg_iou_thr");
        (float from, float below) = negative.ValueKind == JsonValueKind.Array ? (negative[0].GetSingle(), negative[1].GetSingle()) : (0, negative.GetSingle());
        MaxIouSettings settings = new(
            Number("pos_iou_thr", 0), below, Number("min_pos_iou", 0), Says("match_low_quality"), Says("gt_max_assign_all"), Number("ignore_iof_thr", -1),
            Says("ignore_wrt_candidates"), from);

        Truth truth = TruthOf(golden);
        Truth ignored = Truth.From([golden.Floats("gt_bboxes_ignore")], [new int[golden.ShapeOf("gt_bboxes_ignore")[0]]]);
        IgnoredRegions regions = new(ignored.Boxes, ignored.Counts);
        Tensor boxes = golden.Tensor("bboxes");
        (Tensor index, Tensor overlaps) = boxes.AssignIou(null, null, truth.Boxes, truth.Counts, settings, regions);
        Assignment assignment = new MaxIouAssigner(settings).Assign(boxes, null, null, truth, regions);
        golden.Require(index.ToArray<int>().SequenceEqual(assignment.Index.ToArray<int>()), "the assigner returns what its op does");
        golden.Compare<int>("gt_inds", [.. assignment.Index.ToArray<int>().Select(k => k + 1)]); // ours: -2 ignored, -1 negative
        golden.Compare("max_overlaps", overlaps.Reshape(overlaps.Shape[1]));
        golden.Compare<int>("labels", [.. AssignmentTargets.Of(assignment, truth, int.MaxValue).Labels.ToArray<int>().Select(l => l == int.MaxValue ? -1 : l)]);
    }

    private static void RandomSampling(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        int count = config.GetProperty("num").GetInt32();
        float share = config.GetProperty("pos_fraction").GetSingle();
        float bound = config.TryGetProperty("neg_pos_ub", out JsonElement value) ? value.GetSingle() : -1;
        Truth truth = TruthOf(golden);
        Tensor boxes = golden.Tensor("bboxes", shape: [1, golden.ShapeOf("bboxes")[0], 4]);
        int[] assigned = [.. golden.Ints("assigned.gt_inds").Select(k => k > 0 ? k - 1 : k == 0 ? Assignment.Negative : Assignment.Ignored)];
        Assignment assignment = new(Tensor.From(assigned, [1, assigned.Length]));
        if (config.GetProperty("add_gt_as_proposals").GetBoolean())
        {
            (boxes, Tensor index) = boxes.PrependTruth(Tensor.From(assigned.Length), assignment.Index, truth.Boxes, truth.Counts);
            assignment = new Assignment(index);
        }

        Draws draws = DrawsOf(golden, assignment.Index.ToArray<int>(), (int)(count * share));
        int[] sampled = RandomSampler.Sample(assignment, count, share, draws, bound).Index.ToArray<int>();
        int[] positives = PlacesOf(sampled, k => k >= 0);
        golden.Compare<int>("pos_inds", positives);
        golden.Compare<int>("neg_inds", PlacesOf(sampled, k => k == Assignment.Negative));
        golden.Compare<bool>("pos_is_gt", [.. positives.Select(c => sampled.Length > assigned.Length && c < truth.Labels.Shape[1])]);
        CompareBoxes(golden, Together(golden, truth, assignment, boxes, draws, count, share, bound), truth, positives.Length);
    }

    /// <summary>What a head that pools regions is given; the reference's sampler without objects in front is put together by the same op.</summary>
    private static SampledBoxes Together(
        GoldenCase golden, Truth truth, Assignment pool, Tensor boxes, Draws draws, int count, float share, float bound)
    {
        int objects = boxes.Shape[1] - golden.ShapeOf("bboxes")[0], proposals = boxes.Shape[1] - objects;
        if (objects > 0)
        {
            Assignment own = new(pool.Index.Slice(1, objects, proposals));
            return RandomSampler.Gather(boxes.Slice(1, objects, proposals), Tensor.From(proposals), own, truth, count, share, draws, bound);
        }

        (Tensor together, Tensor index, Tensor counts) = RandomSampler.Sample(pool, count, share, draws, bound).Index.GatherSampled(boxes, count);
        return new SampledBoxes(together, new Assignment(index), counts);
    }

    private static void CompareBoxes(GoldenCase golden, SampledBoxes sampled, Truth truth, int positives)
    {
        int found = sampled.Counts.ToArray<int>()[0];
        AssignmentTargets targets = AssignmentTargets.Of(sampled.Assignment, truth, int.MaxValue);
        golden.Compare<float>("bboxes_sampled", sampled.Boxes.ToArray()[..(4 * found)]);
        golden.Compare<int>("pos_assigned_gt_inds", sampled.Assignment.Index.ToArray<int>()[..positives]);
        golden.Compare<float>("pos_gt_bboxes", targets.Boxes.ToArray()[..(4 * positives)]);
        golden.Compare<int>("pos_gt_labels", targets.Labels.ToArray<int>()[..positives]);
    }

    /// <summary>The reference draws a permutation of a pool only where the pool is larger than what is wanted of it, positives first.</summary>
    private static Draws DrawsOf(GoldenCase golden, int[] index, int mostPositive)
    {
        Queue<string> recorded = new(golden.Names("random_draws"));
        float[] Keys(bool isDrawn)
        {
            float[] keys = new float[index.Length];
            int[] order = isDrawn ? golden.Ints(recorded.Dequeue()) : [];
            for (int i = 0; i < order.Length; i++)
            {
                keys[order[i]] = i;
            }

            return keys;
        }

        float[] positives = Keys(index.Count(k => k >= 0) > mostPositive), negatives = Keys(recorded.Count > 0);
        return Draws.Given(new Dictionary<string, Tensor>
        {
            ["positives"] = Tensor.From(positives, [1, index.Length]),
            ["negatives"] = Tensor.From(negatives, [1, index.Length]),
        });
    }

    private static int[] PlacesOf(int[] index, Func<int, bool> isMember) => [.. Enumerable.Range(0, index.Length).Where(c => isMember(index[c]))];

    private static Truth TruthOf(GoldenCase golden) => Truth.From([golden.Floats("gt_bboxes")], [golden.Ints("gt_labels")]);
}
