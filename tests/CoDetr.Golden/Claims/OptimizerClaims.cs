using System.Text.Json;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Updates of several parameters with given gradients.</summary>
internal static class OptimizerClaims
{
    private const int Steps = 6;

    internal static IReadOnlyList<Claim> List { get; } = [new("ops/adamw_*", AdamW)];

    /// <summary>Two parameters, a block each; the second learns at a tenth of the rate.</summary>
    private static void AdamW(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        JsonElement clip = config.GetProperty("clip"), betas = config.GetProperty("betas");
        AdamWSettings settings = new(
            config.GetProperty("lr").GetDouble(), config.GetProperty("weight_decay").GetDouble(), betas[0].GetDouble(), betas[1].GetDouble(),
            config.GetProperty("eps").GetDouble());
        Shape shape = [2 * OptimizerOp.Block];
        Tensor p = Tensor.From(Flat(golden, "init"), shape), m = Tensor.Zeros(shape), v = Tensor.Zeros(shape);
        Tensor rates = Tensor.From([1f, 1f, 0.1f, 1f], [2, 2]);
        for (int step = 0; step < Steps; step++)
        {
            Tensor g = Tensor.From(Flat(golden, $"grad.{step}"), shape);
            bool isClipped = clip.ValueKind == JsonValueKind.Number;
            Tensor? norm = isClipped ? g.GlobalNorm() : null;
            p.AdamWInPlace(g, m, v, rates, settings, step + 1, norm, isClipped ? clip.GetSingle() : 0);
            if (norm is not null)
            {
                golden.Compare($"total_norm.{step}", norm, isFlat: true);
            }

            for (int i = 0; i < 2; i++)
            {
                Compare(golden, $"param.{step}.{i}", p, i);
                Compare(golden, $"exp_avg.{step}.{i}", m, i);
                Compare(golden, $"exp_avg_sq.{step}.{i}", v, i);
            }
        }
    }

    private static float[] Flat(GoldenCase golden, string name)
    {
        float[] flat = new float[2 * OptimizerOp.Block];
        golden.Floats($"{name}.0").CopyTo(flat, 0);
        golden.Floats($"{name}.1").CopyTo(flat, OptimizerOp.Block);
        return flat;
    }

    private static void Compare(GoldenCase golden, string name, Tensor flat, int parameter) => golden.Compare(
        name, flat.ToArray().AsSpan(parameter * OptimizerOp.Block, (int)golden.ShapeOf(name).Count).ToArray());
}
