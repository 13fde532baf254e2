namespace CoDetr.Detection;

/// <summary>Reads the backbone of a reference configuration, and sees that the neck is the one that belongs to it.</summary>
internal static class ReferenceBackbones
{
    internal static BackboneConfig Read(ConfigNode backbone)
    {
        backbone.Without("init_cfg", "pretrained", "use_checkpoint", "use_act_checkpoint", "with_cp");
        BackboneConfig config = backbone.Type switch
        {
            "ResNet" => ResNet(backbone),
            string other => throw backbone.Wrong($"has type {other}; built: ResNet, SwinTransformerV1, ViT"),
        };
        backbone.Done();
        return config;
    }

    internal static void Check(ConfigNode neck, DetectorConfig config)
    {
        neck.Without("in_channels", "use_act_checkpoint", "init_cfg");
        if (neck.Whole("out_channels") != config.Width || neck.Whole("num_outs") != config.Levels)
        {
            throw neck.Wrong($"must have {config.Levels} outputs of {config.Width} channels, as the transformer");
        }

        neck.Only("type", "ChannelMapper").Only("kernel_size", "1").Only("act_cfg");
        if (neck.Child("norm_cfg") is { } norm)
        {
            norm.Only("type", "GN").Only("num_groups", "32").Without("requires_grad").Done();
        }

        neck.Done();
    }

    private static ResNetConfig ResNet(ConfigNode backbone)
    {
        ConfigNode norm = backbone.Required("norm_cfg");
        bool isTrained = norm.Only("type", "BN").Flag("requires_grad", true);
        norm.Done();
        backbone.Only("style", "pytorch").Only("num_stages", "4").Only("norm_eval", isTrained ? "false" : "true");
        return new ResNetConfig
        {
            Depth = backbone.Whole("depth"),
            BaseChannels = backbone.Whole("base_channels", 64),
            StemChannels = backbone.Whole("stem_channels", backbone.Whole("base_channels", 64)),
            OutStages = backbone.Wholes("out_indices") ?? [0, 1, 2, 3],
            FrozenStages = backbone.Whole("frozen_stages", -1),
            HasTrainedNorms = isTrained,
        };
    }
}
