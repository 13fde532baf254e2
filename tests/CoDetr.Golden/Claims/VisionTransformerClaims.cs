using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>The plain vision transformer, its parts, and the pyramid that follows it.</summary>
internal static class VisionTransformerClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("ops/abs_pos_*", Positions),
        new("ops/rope_dynamic", golden => Rotary(golden, (golden.Config.GetProperty("H").GetInt32(), golden.Config.GetProperty("W").GetInt32()))),
        new("ops/rope_fixed", FixedRotary),
        new("modules/swiglu", Gated),
        new("modules/eva02_block_*", Block),
        new("modules/backbone_vit_*", SwinClaims.Backbone),
        new("modules/sfp_*", Pyramid),
    ];

    private static void Positions(GoldenCase golden)
    {
        JsonElement size = golden.Config.GetProperty("hw");
        Tensor positions = golden.Tensor("pos", requiresGrad: true);
        Tensor y = VisionTransformer.PositionsOf(positions, size[0].GetInt32(), size[1].GetInt32());
        y.Backward(golden.Tensor("gradout.y"));
        golden.Compare("y", y);
        golden.Compare("grad.pos", positions.Grad);
    }

    /// <summary>The reference turns heads by heads, we all heads of a cell.</summary>
    private static void Rotary(GoldenCase golden, Spatial map)
    {
        Tensor t = golden.Permuted("t", true, 0, 2, 1, 3); // [batch, tokens, heads, channels]
        Tensor y = t.Reshape(t.Shape[0], map.Height, map.Width, -1).Rotary(t.Shape[2]).Reshape(t.Shape);
        golden.ComparePermuted("y", y, 0, 2, 1, 3);
        y.Backward(golden.Permuted("gradout.y", false, 0, 2, 1, 3));
        golden.ComparePermuted("grad.t", t.Grad, 0, 2, 1, 3);
    }

    /// <summary>The reference keeps the cosines and sines of every cell and channel; ours are those of rows and of columns.</summary>
    private static void FixedRotary(GoldenCase golden)
    {
        int side = golden.Config.GetProperty("ft_seq_len").GetInt32(), half = golden.Config.GetProperty("dim").GetInt32(), pairs = half / 2;
        Rotary(golden, side);
        float[] table = RotaryOp.Table(side, 2 * half, DType.F32, Device.Default).ToArray();
        float[] Of(int part) =>
        [
            .. from cell in Enumerable.Range(0, side * side)
               from c in Enumerable.Range(0, 2 * half)
               let position = c < half ? cell / side : side + (cell % side)
               select table[(((part * 2 * side) + position) * pairs) + (c % half / 2)],
        ];
        golden.Compare("freqs_cos", Of(0));
        golden.Compare("freqs_sin", Of(1));
    }

    private static void Gated(GoldenCase golden)
    {
        Shape weight = golden.ShapeOf("w.w1.weight");
        GatedLayers layers = new GatedLayers(weight[1], weight[0], 1e-5f).Filled(golden); // the reference's default, where no block sets another
        Compare(golden, layers, x => layers.Forward(x, null));
    }

    private static void Block(GoldenCase golden)
    {
        Shape weight = golden.ShapeOf("w.mlp.w1.weight");
        int window = golden.Config.GetProperty("window").GetInt32();
        VisionBlock block = new VisionBlock(weight[1], golden.Config.GetProperty("heads").GetInt32(), weight[0], window > 0 ? window : null).Filled(golden);
        Compare(golden, block, x => block.Forward(x));
    }

    private static void Pyramid(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        bool hasFinest = config.GetProperty("use_p2").GetBoolean();
        SimpleFeaturePyramid pyramid = new SimpleFeaturePyramid(config.GetProperty("in_channels").GetInt32(), config.GetProperty("out").GetInt32(), hasFinest ? 5 : 4)
            .Filled(golden);
        Tensor x = golden.ChannelsLast("x", requiresGrad: true);
        SwinClaims.Finish(golden, pyramid, pyramid.Forward([x]));
        golden.CompareChannelsLast("grad.x", x.Grad);
    }

    private static void Compare(GoldenCase golden, Module module, Func<Tensor, Tensor> forward)
    {
        Tensor x = golden.Tensor("x", requiresGrad: true), y = forward(x);
        y.Backward(golden.Tensor("gradout.y"));
        golden.Compare("y", y);
        golden.Compare("grad.x", x.Grad);
        module.CompareGradients(golden);
    }
}
