using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Multi-head attention with its four projections. The reference has tokens as [sequence, batch, channels].</summary>
internal static class AttentionClaims
{
    internal static IReadOnlyList<Claim> List { get; } = [new("ops/mha_*", MultiHead)];

    private static void MultiHead(GoldenCase golden)
    {
        int width = golden.Config.GetProperty("embed").GetInt32(), heads = golden.Config.GetProperty("heads").GetInt32();
        string[] names = ["query", "key", "value"];
        Tensor[] inputs = [.. names.Select(name => golden.Permuted(name, requiresGrad: true, 1, 0, 2))];
        Tensor[] weights = Thirds(golden.Floats("w.in_proj_weight"), [width, width]), biases = Thirds(golden.Floats("w.in_proj_bias"), [width]);
        Tensor outWeight = golden.Tensor("w.out_proj.weight", requiresGrad: true), outBias = golden.Tensor("w.out_proj.bias", requiresGrad: true);
        Tensor? bias = golden.Has("attn_mask") && golden.Stored("attn_mask").DType == DType.F32 ? golden.Tensor("attn_mask") : null;
        Tensor? blocked = bias is null ? Mask(golden, "attn_mask") : null, padded = Mask(golden, "key_padding_mask");

        Tensor[] projected = [.. inputs.Select((x, i) => x.Linear(weights[i], biases[i]))];
        Tensor y = Tensor.Attention(projected[0], projected[1], projected[2], heads, blocked, padded, bias).Linear(outWeight, outBias);
        golden.Compare("attn_weights_mean", Tensor.AttentionWeights(projected[0], projected[1], heads, blocked, padded, bias).Mean(1));
        y.Backward(golden.Permuted("gradout.out", false, 1, 0, 2));
        golden.ComparePermuted("out", y, 1, 0, 2);
        for (int i = 0; i < names.Length; i++)
        {
            golden.ComparePermuted("grad." + names[i], inputs[i].Grad, 1, 0, 2);
        }

        golden.Compare<float>("grad.w.in_proj_weight", [.. weights.SelectMany(w => w.Grad!.ToArray())]);
        golden.Compare<float>("grad.w.in_proj_bias", [.. biases.SelectMany(b => b.Grad!.ToArray())]);
        golden.Compare("grad.w.out_proj.weight", outWeight.Grad);
        golden.Compare("grad.w.out_proj.bias", outBias.Grad);
    }

    private static Tensor? Mask(GoldenCase golden, string name) =>
        golden.Has(name) ? Tensor.From<byte>([.. golden.Bools(name).Select(b => (byte)(b ? 1 : 0))], golden.ShapeOf(name)) : null;

    private static Tensor[] Thirds(float[] values, Shape shape) =>
        [.. Enumerable.Range(0, 3).Select(i => Leaf(Tensor.From<float>(values.AsSpan(i * (int)shape.Count, (int)shape.Count), shape)))];

    private static Tensor Leaf(Tensor tensor)
    {
        tensor.RequiresGrad = true;
        return tensor;
    }
}
