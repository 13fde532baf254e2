using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden;

/// <summary>
/// The reference's draws of a training step, which lie in the order of its calls, by consumer. Whether a sampler drew at all follows from how many it had to
/// choose from, so the heads are run once to find out.
/// </summary>
internal sealed class StepDraws
{
    private readonly Queue<int[]> permutations;
    private readonly Dictionary<string, Tensor> numbers = [];
    private readonly int batch;

    private StepDraws(IEnumerable<int[]> permutations, int batch) => (this.permutations, this.batch) = (new(permutations), batch);

    /// <summary>The draws of a step.</summary>
    /// <param name="golden">The case.</param>
    /// <param name="prefix">Of the arrays' names.</param>
    /// <param name="model">With the weights of the step.</param>
    /// <param name="pictures">The step's pictures.</param>
    /// <param name="truth">What they show.</param>
    internal static Draws Of(GoldenCase golden, string prefix, Detector model, ImageBatch pictures, Truth truth)
    {
        using NoGrad off = NoGrad.Begin();
        string[] names = [.. golden.Names("random_draws").Where(name => name.StartsWith(prefix, StringComparison.Ordinal))];
        StepDraws draws = new(names.Where(name => name.EndsWith(".randperm", StringComparison.Ordinal)).Select(golden.Ints), truth.Objects.Count);
        if (model.Config.Kind == QueryKind.Dino)
        {
            DenoisingDraws.Add(draws.numbers, golden, names[..4], model.Config, truth.Objects);
        }

        draws.Heads(model, pictures, truth);
        if (draws.permutations.Count > 0)
        {
            throw new InvalidOperationException($"{golden.Name}: {draws.permutations.Count} recorded permutations found no consumer.");
        }

        return Draws.Given(draws.numbers);
    }

    private void Heads(Detector model, ImageBatch pictures, Truth truth)
    {
        (CollaborativeHeads heads, DetectorConfig config) = (model.Auxiliary, model.Config);
        ImageBatch seen = model.Seen(pictures);
        (EncoderOutput encoded, TokenGrid grid) = model.Encode(seen, null);
        FeatureMaps maps = model.Maps(encoded, grid, seen, pictures);
        Draws draws = Draws.Given(numbers);
        Proposals? proposals = null;
        if (heads.ProposalHead is { } first)
        {
            int rows = maps.Levels.Tokens * RegionProposalHead.PerToken;
            Sample("rpn", rows, (_, next, _) => next < rows / 4); // far more negatives than positives
            proposals = first.Train(maps, truth, draws.For("rpn")).Proposals;
        }

        PositiveCandidates[] candidates = new PositiveCandidates[heads.Heads.Count];
        for (int i = 0; i < candidates.Length; i++)
        {
            if (config.OrderedAuxiliary[i].PoolsRegions)
            {
                // All of them are positive or negative: two permutations that make up the whole are one of each.
                int[] counts = proposals!.Counts.ToArray<int>();
                int rows = proposals.Boxes.Shape[1] + truth.Boxes.Shape[1];
                Sample(heads.DrawNames[i], rows, (image, next, second) => next + second == counts[image] + truth.Objects[image]);
            }

            candidates[i] = heads.Heads[i].Train(maps, proposals, truth, draws.For(heads.DrawNames[i])).Candidates;
        }

        for (int i = 0; i < candidates.Length && config.Positives.IsOn; i++)
        {
            Queries($"{heads.DrawNames[i]}.queries", candidates[i].Assignment.Index, config.Positives);
        }
    }

    /// <summary>A sampler draws, picture by picture, a permutation of its positives if it has too many, and always one of its negatives.</summary>
    private void Sample(string consumer, int rows, Func<int, int, int, bool> isOfPositives)
    {
        float[] positives = new float[batch * rows], negatives = new float[batch * rows];
        for (int image = 0; image < batch; image++)
        {
            int next = permutations.Peek().Length, second = permutations.Count > 1 ? permutations.ElementAt(1).Length : 0;
            if (isOfPositives(image, next, second))
            {
                Rank(positives, image * rows);
            }

            Rank(negatives, image * rows);
        }

        Put(consumer, positives, negatives, rows);
    }

    /// <summary>Queries draw of their positives if there are too many, else of their negatives if there are too few positives.</summary>
    private void Queries(string consumer, Tensor index, PositiveSettings settings)
    {
        int rows = index.Shape[1];
        int[][] fates = [.. index.ToArray<int>().Chunk(rows)];
        int[] counts = [.. fates.Select(fate => fate.Count(k => k >= 0))];
        int length = PositiveSelection.Length(counts.Max(), settings.Most);
        float[] positives = new float[batch * rows], negatives = new float[batch * rows];
        for (int image = 0; image < batch; image++)
        {
            if (counts[image] > length)
            {
                Rank(positives, image * rows);
            }
            else if (counts[image] < length && !settings.PadsWithZeros)
            {
                Rank(negatives, image * rows);
            }
        }

        Put(consumer, positives, negatives, rows);
    }

    /// <summary>Member <c>permutation[i]</c> gets the number i.</summary>
    private void Rank(float[] keys, int at)
    {
        int[] permutation = permutations.Dequeue();
        for (int i = 0; i < permutation.Length; i++)
        {
            keys[at + permutation[i]] = i;
        }
    }

    private void Put(string consumer, float[] positives, float[] negatives, int rows)
    {
        numbers[$"{consumer}.positives"] = Tensor.From(positives, [batch, rows]);
        numbers[$"{consumer}.negatives"] = Tensor.From(negatives, [batch, rows]);
    }
}
