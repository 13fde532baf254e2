using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Windows, and the transformer that attends within them.</summary>
internal static class SwinClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("ops/swin_window_partition_*", golden => Windows(golden, "reversed")),
        new("ops/vit_window_partition_*", golden => Windows(golden, "restored")),
        new("modules/swin_block_*", Block),
        new("modules/swin_patch_merging_*", Merging),
        new("modules/backbone_swin", Backbone),
    ];

    /// <summary>Any backbone from its configuration: images to all of its maps, and back.</summary>
    internal static void Backbone(GoldenCase golden)
    {
        Detection.Backbone network = ReferenceBackbones.Read(new ConfigNode(golden.Config.GetProperty("cfg"), "cfg")).Build().Filled(golden);
        Tensor images = golden.ChannelsLast("img", requiresGrad: true);
        Finish(golden, network, network.Forward(images, draws: null));
        golden.CompareChannelsLast("grad.img", images.Grad);
    }

    /// <summary>Compares maps and the gradients of their weighted sum.</summary>
    internal static void Finish(GoldenCase golden, Module module, Tensor[] outputs)
    {
        for (int i = 0; i < outputs.Length; i++)
        {
            golden.CompareChannelsLast($"out.{i}", outputs[i]);
        }

        Weights.Backward([.. outputs.Select((output, i) => (output, golden.ChannelsLast($"gradout.out.{i}")))]);
        module.CompareGradients(golden);
    }

    private static void Windows(GoldenCase golden, string back)
    {
        int window = golden.Config.GetProperty("window").GetInt32();
        Tensor x = golden.Tensor("x"), windows = x.WindowPartition(window);
        golden.Compare("windows", windows, isFlat: true);
        golden.Compare(back, windows.WindowMerge(window, (x.Shape[1], x.Shape[2])));
    }

    private static void Block(GoldenCase golden)
    {
        SwinBlock block = new SwinBlock(Whole(golden, "dim"), Whole(golden, "heads"), Whole(golden, "window"), Whole(golden, "shift")).Filled(golden);
        Compare(golden, block, x => block.Forward(x));
    }

    private static void Merging(GoldenCase golden)
    {
        PatchMerging merging = new PatchMerging(Whole(golden, "dim")).Filled(golden);
        Compare(golden, merging, merging.Forward);
    }

    /// <summary>Stored tokens are a map here.</summary>
    private static void Compare(GoldenCase golden, Module module, Func<Tensor, Tensor> forward)
    {
        Shape stored = golden.ShapeOf("x");
        Tensor x = golden.Tensor("x", requiresGrad: true, [stored[0], Whole(golden, "H"), Whole(golden, "W"), stored[2]]);
        Tensor y = forward(x);
        y.Backward(golden.Tensor("gradout.y", shape: y.Shape));
        golden.Compare("y", y, isFlat: true);
        golden.Compare("grad.x", x.Grad, isFlat: true);
        module.CompareGradients(golden);
    }

    private static int Whole(GoldenCase golden, string key) => golden.Config.GetProperty(key).GetInt32();
}
