using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>So many of so many boxes in each of a few pictures, of so many classes or levels.</summary>
public sealed record CandidateSize(int Images, int Boxes, int Most, int Groups = 1)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Most} of {Images}×{Boxes}, {Groups} groups";

    /// <summary>Boxes of 30 to 230 pixels around places of a picture of 800×1088: as proposals lie, many on each object.</summary>
    internal float[] Around(Func<float> next)
    {
        (float X, float Y)[] places = [.. Enumerable.Range(0, Math.Max(Boxes / 10, 4)).Select(_ => (next() * 1088, next() * 800))];
        return [.. Enumerable.Range(0, Images * Boxes).SelectMany(_ =>
        {
            (float x, float y) = places[(int)(next() * places.Length)];
            (x, y) = (x + (next() * 30), y + (next() * 30));
            return (float[])[x, y, x + 30 + (next() * 200), y + 30 + (next() * 200)];
        })];
    }
}

/// <summary>Proposals of one picture.</summary>
public class NmsBench : SizedBench<CandidateSize>
{
    private protected const float Threshold = 0.7f;

    internal override CandidateSize[] Tiny => [new(1, 100, 7)];

    internal override CandidateSize[] Real => [new(1, 1000, 300), new(1, 8000, 1000)];

    internal override Peer Peer => Peer.Onnx;

    internal override Tensor[] Inputs() =>
    [
        Tensor.From(Size.Around(Next), [Size.Images, Size.Boxes, 4]), Make([Size.Images, Size.Boxes], Next),
        Make([Size.Images, Size.Boxes], () => (int)(Next() * Size.Groups)),
    ];

    internal override Tensor Run(Tensor[] t) => Tensor.Nms(t[0], t[1], Threshold, Size.Most).Kept;

    internal override void Build(OnnxModel onnx)
    {
        OnnxGraph graph = onnx.Graph;
        string scores = graph.Add("Unsqueeze", [onnx.Input("scores", onnx.T[1]), graph.Constant(1)]);
        string found = graph.Add(
            "NonMaxSuppression", [onnx.Input("boxes", onnx.T[0]), scores, graph.Constant(Size.Most), graph.Initializer<float>("threshold", [Threshold], [1])]);
        onnx.Output(graph.Add("Cast", [graph.Add("Gather", [found, graph.Constant(2)], ("axis", 1))], ("to", 1)), [Size.Most, 1]);
    }
}

/// <summary>Proposals of five levels, and the pairs of box and class of a second stage.</summary>
public class GroupedNmsBench : NmsBench
{
    internal override CandidateSize[] Tiny => [new(2, 100, 7, 3)];

    internal override CandidateSize[] Real => [new(2, 8000, 1000, 5), new(1, 80_000, 100, 80)];

    internal override Peer Peer => Peer.None;

    internal override Tensor Run(Tensor[] t) => Tensor.Nms(t[0], t[1], Threshold, Size.Most, t[2]).Kept;
}

/// <summary>The pairs of query and class that Co-DINO looks at.</summary>
public class SoftNmsBench : SizedBench<CandidateSize>
{
    internal override CandidateSize[] Tiny => [new(1, 60, 7, 3)];

    internal override CandidateSize[] Real => [new(1, 900, 300, 80), new(1, 8000, 100, 1)];

    internal override Tensor[] Inputs() =>
    [
        Tensor.From(Size.Around(Next), [Size.Images, Size.Boxes, 4]), Make([Size.Images, Size.Boxes], Next),
        Make([Size.Images, Size.Boxes], () => (int)(Next() * Size.Groups)),
    ];

    internal override Tensor Run(Tensor[] t) => Tensor.SoftNms(t[0], t[1], new SoftNmsSettings(Threshold: 0.8f), Size.Most, t[2]).Kept;
}

/// <summary>So many places of a matrix with so many columns.</summary>
public sealed record PairsSize(int Places, int Columns)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Places} of {Columns}";
}

/// <summary>The best pairs of query and class.</summary>
public class PairsBench : SizedBench<PairsSize>
{
    internal override PairsSize[] Tiny => [new(30, 7)];

    internal override PairsSize[] Real => [new(1_000_000, 80)];

    internal override long Bytes => 12L * Size.Places;

    internal override Tensor[] Inputs() => [Make([Size.Places], () => (int)(Next() * 1e6f))];

    internal override Tensor Run(Tensor[] t) => t[0].SplitPairs(Size.Columns).Columns;
}
