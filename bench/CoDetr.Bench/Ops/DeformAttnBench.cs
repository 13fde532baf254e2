using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Tokens of four levels of one picture of 800×1066; 8 heads of 32 channels, 4 points a level.</summary>
public sealed record PyramidSize(int Height, int Width)
{
    internal (int Height, int Width)[] Levels =>
        [(Height, Width), ((Height + 1) / 2, (Width + 1) / 2), ((Height + 3) / 4, (Width + 3) / 4), ((Height + 7) / 8, (Width + 7) / 8)];

    internal int Tokens => Levels.Sum(level => level.Height * level.Width);

    /// <inheritdoc/>
    public override string ToString() => $"{Tokens} tokens";
}

/// <summary>Every token of an encoder is a query that looks around its own place; against the composition of grid samples that exporters write.</summary>
public class DeformAttnBench : OpBench<PyramidSize>
{
    private const int Heads = 8, Channels = 32, Points = 4;
    private const float Reach = 4; // cells: about where a trained encoder looks

    private FeatureLevels levels = null!;

    internal override PyramidSize[] Tiny => [new(10, 13)];

    internal override PyramidSize[] Counted => [new(20, 27)];

    internal override PyramidSize[] Real => [new(100, 134)];

    internal override Peer Peer => Peer.Onnx;

    internal override double TargetRatio => 10;

    internal override Tensor[] Inputs()
    {
        levels = new FeatureLevels(Size.Levels);
        int tokens = Size.Tokens, samples = levels.Count * Points;
        float[] locations = new float[tokens * Heads * samples * 2];
        int i = 0;
        foreach ((int height, int width) in Size.Levels)
        {
            for (int cell = 0; cell < height * width; cell++)
            {
                for (int s = 0; s < Heads * samples; s++)
                {
                    (int levelHeight, int levelWidth) = Size.Levels[s % samples / Points];
                    locations[i++] = (cell % width + 0.5f) / width + (Next() * 2 - 1) * Reach / levelWidth;
                    locations[i++] = (cell / width + 0.5f) / height + (Next() * 2 - 1) * Reach / levelHeight;
                }
            }
        }

        Tensor where = Tensor.From(locations, [1, tokens, Heads, levels.Count, Points, 2]);
        where.RequiresGrad = true;
        return [Uniform(1, tokens, Heads, Channels), where, Uniform(1f / samples, [1, tokens, Heads, levels.Count, Points])];
    }

    internal override Tensor Run(Tensor[] t) => t[0].DeformAttn(levels, t[1], t[2]);

    /// <summary>As mmcv's <c>multi_scale_deformable_attn_pytorch</c>, step by step.</summary>
    internal override void Build(OnnxModel onnx)
    {
        OnnxGraph graph = onnx.Graph;
        int tokens = Size.Tokens, samples = Size.Levels.Length * Points;
        string value = onnx.Input("value", onnx.T[0]), weights = onnx.Input("weights", onnx.T[2]);
        string grids = graph.Add("Sub", [graph.Add("Mul", [onnx.Input("locations", onnx.T[1]), graph.Constant(2f)]), graph.Constant(1f)]);
        string[] values = graph.AddMany(
            "Split", Size.Levels.Length, [value, graph.Constant([.. Size.Levels.Select(l => (long)l.Height * l.Width)])], ("axis", 1));
        string[] sampled = new string[Size.Levels.Length];
        for (int l = 0; l < sampled.Length; l++)
        {
            (int height, int width) = Size.Levels[l];
            string rows = graph.Add("Reshape", [values[l], graph.Constant(1, height * width, Heads * Channels)]);
            string map = graph.Add("Reshape", [graph.Add("Transpose", [rows], ("perm", new[] { 0, 2, 1 })), graph.Constant(Heads, Channels, height, width)]);
            string level = graph.Add("Gather", [grids, graph.Initializer<long>($"level {l}", [l], [])], ("axis", 3));
            string grid = graph.Add(
                "Reshape", [graph.Add("Transpose", [level], ("perm", new[] { 0, 2, 1, 3, 4 })), graph.Constant(Heads, tokens, Points, 2)]);
            sampled[l] = graph.Add("GridSample", [map, grid], ("mode", "bilinear"), ("padding_mode", "zeros"), ("align_corners", 0));
        }

        string all = graph.Add("Concat", sampled, ("axis", 3)); // [heads, channels, queries, levels · points]
        string each = graph.Add(
            "Reshape", [graph.Add("Transpose", [weights], ("perm", new[] { 0, 2, 1, 3, 4 })), graph.Constant(Heads, 1, tokens, samples)]);
        string sum = graph.Add("ReduceSum", [graph.Add("Mul", [all, each]), graph.Constant(-1)], ("keepdims", 0));
        string flat = graph.Add("Reshape", [sum, graph.Constant(1, Heads * Channels, tokens)]);
        onnx.Output(graph.Add("Transpose", [flat], ("perm", new[] { 0, 2, 1 })), [1, tokens, Heads * Channels]);
    }
}
