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
            "SwinTransformerV1" => Swin(backbone),
            "ViT" => VisionTransformer(backbone),
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

        if (config.Backbone is VisionTransformerConfig)
        {
            neck.Only("type", "SFP").Only("use_p2", config.Levels == 5 ? "true" : "false").Done();
            return;
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

    private static SwinConfig Swin(ConfigNode backbone)
    {
        backbone.Only("ape", "false").Only("patch_norm", "true").Only("qkv_bias", "true").Only("mlp_ratio", "4", "4.0").Only("patch_size", "4").Only("frozen_stages", "-1");
        SwinConfig tiny = SwinConfig.Tiny;
        return new SwinConfig
        {
            EmbedWidth = backbone.Whole("embed_dim", tiny.EmbedWidth),
            Depths = backbone.Wholes("depths") ?? tiny.Depths,
            Heads = backbone.Wholes("num_heads") ?? tiny.Heads,
            Window = backbone.Whole("window_size", tiny.Window),
            OutStages = backbone.Wholes("out_indices") ?? [0, 1, 2, 3],
            DropPath = backbone.Number("drop_path_rate", 0.2f),
        };
    }

    private static VisionTransformerConfig VisionTransformer(ConfigNode backbone)
    {
        backbone.Without("residual_block_indexes").Only("xattn", "true", "false").Only("qkv_bias", "true").Only("pretrain_use_cls_token", "true").Only("pt_hw_seq_len", "16");
        (int width, int size) = (backbone.Whole("embed_dim", 1024), backbone.Whole("img_size", 1536));
        return new VisionTransformerConfig
        {
            Patch = backbone.Whole("patch_size", 16),
            Width = width,
            Depth = backbone.Whole("depth", 24),
            Heads = backbone.Whole("num_heads", 16),
            Hidden = (int)(width * backbone.Real("mlp_ratio", 8.0 / 3)),
            Window = backbone.Whole("window_size"),
            WindowBlocks = backbone.Wholes("window_block_indexes") ?? [],
            PretrainSize = backbone.Whole("pretrain_img_size", 512),
            FixedSize = backbone.Flag("use_lsj", false) ? size : null,
            DropPath = backbone.Number("drop_path_rate", 0),
        };
    }
}
