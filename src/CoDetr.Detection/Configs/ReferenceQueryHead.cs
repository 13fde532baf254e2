namespace CoDetr.Detection;

/// <summary>Reads the query head of a reference configuration: transformer, denoising, losses, matching costs, post-processing.</summary>
internal static class ReferenceQueryHead
{
    /// <param name="config">What is known so far.</param>
    /// <param name="head">"query_head"</param>
    /// <param name="train">Its part of "train_cfg", if there is one.</param>
    /// <param name="test">Its part of "test_cfg", if there is one.</param>
    internal static DetectorConfig Read(DetectorConfig config, ConfigNode head, ConfigNode? train, ConfigNode? test)
    {
        bool isDino = head.Type switch
        {
            "CoDINOHead" => true,
            "CoDeformDETRHead" => false,
            string other => throw head.Wrong($"has type {other}; built: CoDeformDETRHead, CoDINOHead"),
        };
        head.Only("with_box_refine", "true").Only("as_two_stage", "true").Only("num_reg_fcs", "2").Only("bg_cls_weight", "0", "0.0").Only("mixed_selection", "true")
            .Without("in_channels", "num_feature_levels", "sync_cls_avg_factor", "init_cfg", "train_cfg", "test_cfg"); // the model repeats the last two
        config = config with
        {
            Kind = isDino ? QueryKind.Dino : QueryKind.Deformable,
            Classes = head.Whole("num_classes"),
            Queries = head.Whole("num_query"),
            Positives = config.Positives with
            {
                Most = head.Whole("max_pos_coords", 300),
                PadsWithZeros = head.Flag("use_zero_padding", false),
                Weight = head.Number("lambda_1", 1),
            },
        };
        config = Transformer(config, head.Required("transformer"), isDino);
        SineEncoding(head.Required("positional_encoding"), config.Width, isDino);
        config = Losses(config, head, isDino);
        config = Denoising(config, head.Child("dn_cfg"));
        head.Done();
        return Testing(Costs(config, train), test);
    }

    /// <summary>A loss that is "{type, loss_weight}" with settings that must be the usual ones.</summary>
    internal static float Weight(ConfigNode loss, string type, params ReadOnlySpan<(string Key, string Value)> usual)
    {
        if (loss.Type != type)
        {
            throw loss.Wrong($"has type {loss.Type}; built: {type}");
        }

        foreach ((string key, string value) in usual)
        {
            loss.Only(key, value, value.TrimEnd('0').TrimEnd('.'));
        }

        float weight = loss.Number("loss_weight", 1);
        loss.Only("reduction", "mean").Done();
        return weight;
    }

    private static DetectorConfig Transformer(DetectorConfig config, ConfigNode transformer, bool isDino)
    {
        string type = isDino ? "CoDinoTransformer" : "CoDeformableDetrTransformer";
        if (transformer.Type != type)
        {
            throw transformer.Wrong($"has type {transformer.Type}; this head needs {type}");
        }

        transformer.Only("with_pos_coord", "true").Only("mixed_selection", "true").Only("as_two_stage", "true").Without("num_co_heads", "two_stage_num_proposals", "init_cfg");
        ConfigNode encoder = transformer.Required("encoder"), decoder = transformer.Required("decoder");
        (ConfigNode encoderLayer, ConfigNode decoderLayer) = (encoder.Required("transformerlayers"), decoder.Required("transformerlayers"));
        (int width, int heads, int points) = Deformable(encoderLayer.Required("attn_cfgs"));
        foreach (ConfigNode attention in decoderLayer.Children("attn_cfgs"))
        {
            (int Width, int Heads, int) found = attention.Type == "MultiheadAttention" ? SelfAttention(attention) : Deformable(attention);
            if ((found.Width, found.Heads) != (width, heads))
            {
                throw attention.Wrong($"has {found.Width} channels and {found.Heads} heads, the encoder {width} and {heads}; they must be the same");
            }
        }

        config = config with
        {
            Width = width,
            Heads = heads,
            Points = points,
            Levels = transformer.Whole("num_feature_levels", 4),
            EncoderLayers = encoder.Whole("num_layers"),
            DecoderLayers = decoder.Whole("num_layers"),
            FeedForward = FeedForward(encoderLayer),
            Positives = config.Positives with { HasFeatures = transformer.Flag("with_coord_feat", true) },
        };
        if (FeedForward(decoderLayer) != config.FeedForward)
        {
            throw decoderLayer.Wrong("has other feed-forward channels than the encoder");
        }

        encoder.Without("with_cp").Done();
        decoder.Only("return_intermediate", "true").Only("look_forward_twice", isDino ? ["true", "false"] : ["true"]).Done();
        encoderLayer.Without("operation_order").Done();
        decoderLayer.Without("operation_order").Done();
        transformer.Done();
        return config;
    }

    private static (int Width, int Heads, int Points) Deformable(ConfigNode attention)
    {
        if (attention.Type != "MultiScaleDeformableAttention")
        {
            throw attention.Wrong($"has type {attention.Type}; built: MultiScaleDeformableAttention");
        }

        // A dropout that is left out would be 0.1 in the reference; what is published says 0.
        attention.Only("dropout", "0", "0.0").Without("num_levels", "im2col_step");
        (int, int, int) found = (attention.Whole("embed_dims", 256), attention.Whole("num_heads", 8), attention.Whole("num_points", 4));
        attention.Done();
        return found;
    }

    private static (int Width, int Heads, int Points) SelfAttention(ConfigNode attention)
    {
        attention.Only("dropout", "0", "0.0");
        (int, int, int) found = (attention.Whole("embed_dims"), attention.Whole("num_heads"), 0);
        attention.Done();
        return found;
    }

    /// <summary>The layer's own number of channels wins over that of "ffn_cfgs".</summary>
    private static int FeedForward(ConfigNode layer)
    {
        layer.Only("ffn_dropout", "0", "0.0");
        int? channels = null;
        if (layer.Child("ffn_cfgs") is { } ffn)
        {
            ffn.Only("num_fcs", "2").Only("ffn_drop", "0", "0.0").Only("add_identity", "true").Without("embed_dims");
            channels = ffn.Whole("feedforward_channels", 1024);
            if (ffn.Child("act_cfg") is { } activation)
            {
                activation.Only("type", "ReLU").Without("inplace").Done();
            }

            ffn.Done();
        }

        return layer.Whole("feedforward_channels", channels ?? 1024);
    }

    private static void SineEncoding(ConfigNode encoding, int width, bool isDino)
    {
        (float temperature, float offset) = (encoding.Number("temperature", 10000), encoding.Number("offset", 0));
        (float, float) built = isDino ? (20, 0) : (10000, -0.5f);
        if (encoding.Type != "SinePositionalEncoding" || (temperature, offset) != built || encoding.Whole("num_feats") * 2 != width)
        {
            throw encoding.Wrong($"must be SinePositionalEncoding of {width / 2} features, temperature {built.Item1} and offset {built.Item2}");
        }

        encoding.Only("normalize", "true").Done();
    }

    private static DetectorConfig Losses(DetectorConfig config, ConfigNode head, bool isDino)
    {
        ConfigNode ofClass = head.Required("loss_cls");
        bool usesQuality = ofClass.Type == "QualityFocalLoss";
        return config with
        {
            UsesQuality = usesQuality,
            ClassWeight = usesQuality
                ? Weight(ofClass, "QualityFocalLoss", ("use_sigmoid", "true"), ("beta", "2.0"))
                : Weight(ofClass, "FocalLoss", ("use_sigmoid", "true"), ("gamma", "2.0"), ("alpha", "0.25")),
            BoxWeight = Weight(head.Required("loss_bbox"), "L1Loss"),
            IouWeight = Weight(head.Required("loss_iou"), "GIoULoss"),
        };
    }

    private static DetectorConfig Denoising(DetectorConfig config, ConfigNode? denoising)
    {
        if (denoising is null)
        {
            return config;
        }

        denoising.Without("num_classes", "num_queries", "hidden_dim");
        ConfigNode noise = denoising.Required("noise_scale"), groups = denoising.Required("group_cfg");
        bool isDynamic = groups.Flag("dynamic", false);
        DenoisingSettings settings = new()
        {
            LabelNoise = noise.Number("label", 0.5f),
            BoxNoise = noise.Number("box", 1),
            Queries = isDynamic ? groups.Whole("num_dn_queries") : 0,
            Groups = isDynamic ? null : groups.Whole("num_groups"),
        };
        groups.Without("num_groups", "num_dn_queries").Done();
        noise.Done();
        denoising.Done();
        return config with { Denoising = settings };
    }

    private static DetectorConfig Costs(DetectorConfig config, ConfigNode? train)
    {
        if (train is null)
        {
            return config;
        }

        ConfigNode assigner = train.Required("assigner");
        if (assigner.Type != "HungarianAssigner")
        {
            throw assigner.Wrong($"has type {assigner.Type}; built: HungarianAssigner");
        }

        ConfigNode ofClass = assigner.Required("cls_cost"), box = assigner.Required("reg_cost"), overlap = assigner.Required("iou_cost");
        config = config with
        {
            ClassCost = ofClass.Only("type", "FocalLossCost").Number("weight", 1),
            BoxCost = box.Only("type", "BBoxL1Cost").Only("box_format", "xywh").Number("weight", 1),
            IouCost = overlap.Only("type", "IoUCost").Only("iou_mode", "giou").Number("weight", 1),
        };
        ofClass.Done();
        box.Done();
        overlap.Done();
        assigner.Done();
        train.Done();
        return config;
    }

    private static DetectorConfig Testing(DetectorConfig config, ConfigNode? test)
    {
        config = config with
        {
            MaxDetections = test?.Whole("max_per_img", config.Queries) ?? config.Queries,
            Suppression = test?.Child("nms") is { } nms ? ReferenceHeads.Suppression(nms) : null,
        };
        test?.Only("score_thr", "0", "0.0").Done();
        return config;
    }
}
