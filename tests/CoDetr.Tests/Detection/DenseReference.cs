using CoDetr.Tests.Ops;
using static CoDetr.Tests.Detection.PlainLosses;

namespace CoDetr.Tests.Detection;

/// <summary>What a head predicts, by place: picture · rows + row.</summary>
internal sealed record PlainPredictions(double[][] Logits, double[][] Boxes, double[] Quality);

/// <summary>
/// The losses of a dense head one row at a time, in double precision: what counts as constant (assignment, targets, weights, average factors) is fixed by the
/// predictions at hand, so that differences of rows are the gradient.
/// </summary>
/// <param name="scene">Pictures and objects.</param>
/// <param name="priors">Of every picture: corners.</param>
/// <param name="perToken">Priors of each cell.</param>
internal abstract class DenseReference(HeadScene scene, float[][] priors, int perToken = 1)
{
    private protected const double Factor = 1.5; // what the weights of losses are multiplied by

    private readonly int[][] labels = scene.Labels;
    private readonly int[] levels = [.. Enumerable.Range(0, priors.Length).Select(row => scene.LevelOf(row / perToken))];
    private int[]? positives;

    /// <summary>The losses, in order.</summary>
    internal abstract string[] Names { get; }

    /// <summary>Whether each level's losses are on their own.</summary>
    internal virtual bool IsByLevel => true;

    /// <summary>The object of each place, -1 for background, -2 for what is ignored.</summary>
    internal int[] Index { get; private protected init; } = [];

    internal HeadScene Scene => scene;

    internal float[][] Priors => priors;

    internal int Rows => priors.Length;

    /// <summary>How many numbers there are if every loss is written level by level.</summary>
    internal int Slots => Names.Length * (IsByLevel ? scene.Maps.Length : 1);

    /// <summary>What a row adds to each loss.</summary>
    internal abstract double[] Row(int place, double[] logits, double[] box, double quality);

    /// <summary>The box that a row's numbers mean.</summary>
    internal abstract double[] Box(int place, double[] box);

    /// <summary>Where a row's share of a loss is counted.</summary>
    internal int SlotOf(int loss, int place) => IsByLevel ? (loss * scene.Maps.Length) + levels[place % Rows] : loss;

    /// <summary>All losses, each level by level if so computed.</summary>
    internal double[] Values(PlainPredictions found)
    {
        double[] values = new double[Slots];
        for (int place = 0; place < Index.Length; place++)
        {
            foreach ((int loss, double value) in Row(place, found.Logits[place], found.Boxes[place], found.Quality[place]).Index())
            {
                values[SlotOf(loss, place)] += value;
            }
        }

        return values;
    }

    private protected int[] Positives => positives ??= [.. Enumerable.Range(0, Index.Length).Where(place => Index[place] >= 0)];

    /// <summary>The sum over pictures of positives, each counting as one at least.</summary>
    private protected double AtLeastOneEach()
    {
        int[] each = new int[scene.Batch];
        Array.ForEach(Positives, place => each[place / Rows]++);
        return each.Sum(count => Math.Max(1, count));
    }

    private protected int Label(int place) => Index[place] switch
    {
        -2 => -1,
        -1 => scene.Classes,
        int k => labels[place / Rows][k],
    };

    private protected double[] Target(int place) => [.. scene.Boxes[place / Rows].AsSpan(4 * Index[place], 4).ToArray().Select(v => (double)v)];

    private protected double[] Prior(int place) => [.. priors[place % Rows].Select(v => (double)v)];

    private protected (double X, double Y) Point(int place) => Middle(Prior(place));

    /// <summary>Pixels per cell where a row lies.</summary>
    private protected double Stride(int place) => HeadScene.FirstStride << levels[place % Rows];
}

/// <summary>Spec/losses-and-assignment.md §5.4.</summary>
internal sealed class AtssReference : DenseReference
{
    private readonly double central;
    private readonly double count;

    internal AtssReference(HeadScene scene)
        : base(scene, [.. scene.Squares.Anchors.Chunk(4)])
    {
        Index = AssignAtssTests.Plain(scene.Squares, 9);
        count = AtLeastOneEach();
        central = Math.Max(1, Positives.Sum(place => Centerness(Target(place), Point(place))));
    }

    internal override string[] Names => ["loss_cls", "loss_bbox", "loss_centerness"];

    internal override double[] Box(int place, double[] box) => FromDeltas(box, Prior(place), [0.1f, 0.1f, 0.2f, 0.2f]);

    internal override double[] Row(int place, double[] logits, double[] box, double quality)
    {
        double c = Index[place] < 0 ? 0 : Centerness(Target(place), Point(place));
        return
        [
            Factor * Focal(logits, Label(place)) / count,
            Index[place] < 0 ? 0 : Factor * 2 * c * GIoULoss(Box(place, box), Target(place)) / central,
            Index[place] < 0 ? 0 : Factor * Bce(quality, c) / count,
        ];
    }
}

/// <summary>Spec/losses-and-assignment.md §5.7.</summary>
internal sealed class GflReference : DenseReference
{
    private readonly double[] weights;
    private readonly double[] scores;
    private readonly double count;
    private readonly double total;

    internal GflReference(HeadScene scene, PlainPredictions found)
        : base(scene, [.. scene.Squares.Anchors.Chunk(4)])
    {
        Index = AssignAtssTests.Plain(scene.Squares, 9);
        weights = [.. Index.Select((k, place) => k < 0 ? 0 : Sigmoid(found.Logits[place].Max()))];
        (count, total) = (AtLeastOneEach(), Math.Max(1, weights.Sum()));
        scores = [.. Index.Select((k, place) => k < 0 ? 0 : IoU(Box(place, found.Boxes[place]), Target(place)))];
    }

    internal override string[] Names => ["loss_cls", "loss_bbox", "loss_dfl"];

    internal override double[] Box(int place, double[] box) => FromDistances([.. box.Chunk(17).Select(side => Integral(side) * Stride(place))], Point(place));

    internal override double[] Row(int place, double[] logits, double[] box, double quality)
    {
        double ofClass = Factor * QualityFocal(logits, Label(place), scores[place]) / count;
        if (Index[place] < 0)
        {
            return [ofClass, 0, 0];
        }

        double[] targets = [.. ToDistances(Target(place), Point(place)).Select(d => Math.Clamp(d / Stride(place), 0, 15.9f))];
        double sides = box.Chunk(17).Zip(targets, DistributionFocal).Sum();
        return [ofClass, Factor * 2 * weights[place] * GIoULoss(Box(place, box), Target(place)) / total, Factor * 0.25 * weights[place] * sides / 4 / total];
    }
}

/// <summary>Spec/losses-and-assignment.md §5.8.</summary>
internal sealed class RetinaReference : DenseReference
{
    private readonly double count;

    internal RetinaReference(HeadScene scene)
        : base(scene, Nine(scene), 9)
    {
        Index = [.. scene.Boxes.SelectMany((truth, image) => AssignByOverlap(
            Priors, [.. Enumerable.Range(0, Rows).Select(row => scene.Squares.Uses(image, row / 9) == 1)], truth, 0.5f, 0.4f))];
        count = AtLeastOneEach();
    }

    internal override string[] Names => ["loss_cls", "loss_bbox"];

    internal override double[] Box(int place, double[] box) => FromDeltas(box, Prior(place), [1, 1, 1, 1]);

    internal override double[] Row(int place, double[] logits, double[] box, double quality) =>
    [
        Factor * Focal(logits, Label(place)) / count,
        Index[place] < 0 ? 0 : Factor * 2 * GIoULoss(Box(place, box), Target(place)) / count,
    ];

    /// <summary>Ratios (height over width) outermost; the largest sizes are within an octave of the smallest, four strides. To the bit as the device makes them.</summary>
    private static float[][] Nine(HeadScene scene) =>
    [
        .. scene.Maps.SelectMany((map, level) => Enumerable.Range(0, map.Height * map.Width).SelectMany(cell =>
            from ratio in new[] { 0.5f, 1, 2 }
            from third in Enumerable.Range(0, 3)
            let root = MathF.Sqrt(ratio)
            let side = (float)(4 * Math.Pow(2, third / 3.0))
            let scale = (float)(1 << level)
            let w = 0.5f * (HeadScene.FirstStride * (1 / root) * side) * scale
            let h = 0.5f * (HeadScene.FirstStride * root * side) * scale
            let x = cell % map.Width * HeadScene.FirstStride * scale
            let y = cell / map.Width * HeadScene.FirstStride * scale
            select new[] { x - w, y - h, x + w, y + h })),
    ];
}

/// <summary>Spec/losses-and-assignment.md §5.5.</summary>
internal sealed class FcosReference : DenseReference
{
    private readonly bool inStrides;
    private readonly double central;

    internal FcosReference(HeadScene scene, bool inStrides)
        : base(scene, [.. scene.Squares.Anchors.Chunk(4).Select((a, row) => a.Select(v => v + (4 << scene.LevelOf(row))).ToArray())])
    {
        this.inStrides = inStrides;
        int levels = scene.Maps.Length;
        CoDetr.Tensors.PointRange[] ranges = [.. Enumerable.Range(0, levels).Select(l =>
            new CoDetr.Tensors.PointRange(8 << l, l == 0 ? -1 : 32 << l, l == levels - 1 ? 1e8f : 64 << l, 12 << l))];
        Index = AssignPointTests.Plain(scene.Squares with { Uses = (_, _) => 1 }, ranges); // points on padding are background
        central = Math.Max(1e-6, Positives.Sum(place => Centerness(Target(place), Point(place))));
    }

    internal override string[] Names => ["loss_cls", "loss_bbox", "loss_centerness"];

    internal override bool IsByLevel => false;

    internal override double[] Box(int place, double[] box) =>
        FromDistances([.. box.Select(x => inStrides ? Math.Max(x, 0) * Stride(place) : Math.Exp(x))], Point(place));

    internal override double[] Row(int place, double[] logits, double[] box, double quality)
    {
        double c = Index[place] < 0 ? 0 : Centerness(Target(place), Point(place)), count = Math.Max(1, Positives.Length);
        return
        [
            Factor * Focal(logits, Label(place)) / count,
            Index[place] < 0 ? 0 : Factor * c * GIoULoss(Box(place, box), Target(place)) / central,
            Index[place] < 0 ? 0 : Factor * Bce(quality, c) / count,
        ];
    }
}

/// <summary>Spec/losses-and-assignment.md §5.6.</summary>
internal sealed class PaaReference : DenseReference
{
    private readonly double[] overlaps;
    private readonly double total;

    internal PaaReference(HeadScene scene, PlainPredictions found)
        : base(scene, [.. scene.Squares.Anchors.Chunk(4)])
    {
        Index = [.. scene.Boxes.SelectMany((truth, image) =>
            AssignByOverlap(Priors, [.. Enumerable.Range(0, Rows).Select(row => scene.Squares.Uses(image, row) == 1)], truth, 0.1f, 0.1f))];
        float[] costs = [.. Index.Select((k, place) => k < 0 ? 0 : (float)(Factor * (Focal(found.Logits[place], Label(place))
            + (1.3f * GIoULoss(Box(place, found.Boxes[place]), Target(place))))))];
        Index = AssignPaaTests.Plain(scene.Squares, Index, costs, 9);
        overlaps = [.. Index.Select((k, place) => k < 0 ? 0 : IoU(Box(place, found.Boxes[place]), Target(place)))];
        total = Positives.Sum(place => Math.Max(1e-12, overlaps[place]));
    }

    internal override string[] Names => ["loss_cls", "loss_bbox", "loss_iou"];

    internal override bool IsByLevel => false;

    internal override double[] Box(int place, double[] box) => FromDeltas(box, Prior(place), [0.1f, 0.1f, 0.2f, 0.2f]);

    internal override double[] Row(int place, double[] logits, double[] box, double quality)
    {
        int count = Positives.Length;
        return
        [
            Factor * Focal(logits, Label(place)) / Math.Max(count, Scene.Batch),
            Index[place] < 0 ? 0 : Factor * 1.3f * Math.Max(1e-12, overlaps[place]) * GIoULoss(Box(place, box), Target(place)) / total,
            Index[place] < 0 ? 0 : Factor * 0.5 * Bce(quality, overlaps[place]) / Math.Max(count, 1),
        ];
    }
}
