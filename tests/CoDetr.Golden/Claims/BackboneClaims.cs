using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Residual networks and the neck.</summary>
internal static class BackboneClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("modules/backbone_resnet*", Backbone),
        new("modules/resnet_block_*", Block),
        new("modules/channel_mapper_*", Neck),
    ];

    /// <summary>Reads a reference configuration of a ResNet.</summary>
    internal static ResNetConfig ConfigOf(JsonElement json) => new()
    {
        Depth = json.GetProperty("depth").GetInt32(),
        BaseChannels = json.GetProperty("base_channels").GetInt32(),
        StemChannels = json.GetProperty("stem_channels").GetInt32(),
        OutStages = [.. json.GetProperty("out_indices").EnumerateArray().Select(i => i.GetInt32())],
        FrozenStages = json.GetProperty("frozen_stages").GetInt32(),
        HasTrainedNorms = json.GetProperty("norm_cfg").GetProperty("requires_grad").GetBoolean(),
    };

    private static void Backbone(GoldenCase golden)
    {
        ResNet network = new ResNet(ConfigOf(golden.Config.GetProperty("cfg"))).Filled(golden);
        Tensor images = golden.ChannelsLast("img", requiresGrad: true);
        Tensor[] stages = network.Forward(images);
        Finish(golden, network, stages);
        golden.CompareChannelsLast("grad.img", images.Grad);
    }

    private static void Block(GoldenCase golden)
    {
        bool isDeep = golden.Has("w.conv3.weight");
        int inputs = golden.ShapeOf("x")[1], width = golden.ShapeOf("w.conv1.weight")[0];
        ResNetBlock block = new ResNetBlock(inputs, width, golden.Config.GetProperty("stride").GetInt32(), isDeep, hasTrainedNorms: false).Filled(golden);
        foreach ((string name, Parameter parameter) in block.NamedParameters())
        {
            parameter.IsTrained = golden.Has($"grad.w.{name}"); // the affine part of a norm may be trained while its statistics are fixed
        }

        Tensor x = golden.ChannelsLast("x", requiresGrad: true);
        Tensor y = block.Forward(x);
        y.Backward(golden.ChannelsLast("gradout.y"));
        golden.CompareChannelsLast("y", y);
        golden.CompareChannelsLast("grad.x", x.Grad);
        block.CompareGradients(golden);
    }

    private static void Neck(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        int[] channels = [.. config.GetProperty("in_channels").EnumerateArray().Select(c => c.GetInt32())];
        ChannelMapper neck = new ChannelMapper(channels, config.GetProperty("out").GetInt32(), config.GetProperty("num_outs").GetInt32(), config.GetProperty("kernel").GetInt32())
            .Filled(golden);
        Tensor[] stages = [.. channels.Select((_, i) => golden.ChannelsLast($"x.{i}", requiresGrad: true))];
        Finish(golden, neck, neck.Forward(stages));
        for (int i = 0; i < stages.Length; i++)
        {
            golden.CompareChannelsLast($"grad.x.{i}", stages[i].Grad);
        }
    }

    private static void Finish(GoldenCase golden, Module module, Tensor[] outputs)
    {
        for (int i = 0; i < outputs.Length; i++)
        {
            golden.CompareChannelsLast($"out.{i}", outputs[i]);
        }

        Weights.Backward([.. outputs.Select((output, i) => (output, golden.ChannelsLast($"gradout.out.{i}")))]);
        module.CompareGradients(golden);
    }
}
