using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Reads the auxiliary heads of a reference configuration.</summary>
/// <param name="levels">Maps that dense heads see.</param>
internal sealed class ReferenceHeads(int levels)
{
    /// <summary>Pixels per cell of the finest map, once a head has said it.</summary>
    internal int? FirstStride { get; private set; }

    /// <summary>Suppression of a test configuration.</summary>
    internal static SuppressionSettings Suppression(ConfigNode nms)
    {
        float threshold = nms.Number("iou_threshold", 0.3f);
        SuppressionSettings settings = nms.Type switch
        {
            "nms" => SuppressionSettings.Hard(threshold),
            "soft_nms" => SuppressionSettings.Lowering(threshold, new SoftNmsSettings
            {
                Method = Enum.Parse<SoftNmsMethod>(nms.Text("method", "linear"), ignoreCase: true),
                Sigma = nms.Number("sigma", 0.5f),
                LeastScore = nms.Number("min_score", 1e-3f),
            }),
            string other => throw nms.Wrong($"has type {other}; built: nms, soft_nms"),
        };
        settings = settings with { IsClassAgnostic = nms.Flag("class_agnostic", false) };
        nms.Only("offset", "0").Only("score_threshold", "0", "0.0").Only("max_num", "-1").Done();
        return settings;
    }

    /// <summary>"rpn_head" with the keys "rpn" and "rpn_proposal" of its training and "rpn" of its test settings.</summary>
    internal RegionProposalConfig Proposals(ConfigNode head, ConfigNode? train, ConfigNode? test)
    {
        head.Only("type", "RPNHead").Only("num_convs", "1").Without("in_channels", "feat_channels", "init_cfg", "num_classes", "train_cfg", "test_cfg");
        ConfigNode anchors = head.Required("anchor_generator");
        anchors.Only("octave_base_scale", "4").Only("scales_per_octave", "3");
        Anchors(anchors, [0.5f, 1, 2]);
        Coder(head.Required("bbox_coder"), (1, 1, 1, 1));
        RegionProposalConfig config = new()
        {
            ClassWeight = ReferenceQueryHead.Weight(head.Required("loss_cls"), "CrossEntropyLoss", ("use_sigmoid", "true")),
            BoxWeight = ReferenceQueryHead.Weight(head.Required("loss_bbox"), "L1Loss"),
        };
        head.Done();
        if (train?.Child("rpn") is { } rpn)
        {
            MaxIou(rpn.Required("assigner"), "0.7", "0.3", "0.3", "true");
            (int samples, float share) = Sampler(rpn.Required("sampler"), hasTruth: false);
            if (share != 0.5f)
            {
                throw rpn.Wrong($"samples a share of {share} positives; built: 0.5");
            }

            config = config with { Samples = samples };
            rpn.Only("allowed_border", "-1").Only("pos_weight", "-1").Without("debug").Done();
        }

        if (train?.Child("rpn_proposal") is { } offered)
        {
            config = config with { Training = Offered(offered, config.Training) };
        }

        return test?.Child("rpn") is { } detecting ? config with { Inference = Offered(detecting, config.Inference) } : config;
    }

    /// <summary>One of "roi_head" with its part "rcnn" of the training and test settings.</summary>
    internal AuxiliaryHeadConfig Regional(ConfigNode head, ConfigNode? train, ConfigNode? test)
    {
        head.Only("type", "CoStandardRoIHead").Without("init_cfg", "train_cfg", "test_cfg");
        Extractor(head.Required("bbox_roi_extractor"), "7");
        FasterRcnnConfig config = BoxHead(head.Required("bbox_head"));
        if (head.Child("mask_head") is { } mask)
        {
            config = Mask(config, head, mask);
        }

        head.Done();
        if (train is not null)
        {
            MaxIou(train.Required("assigner"), "0.5", "0.5", "0.5", "false");
            (int samples, float share) = Sampler(train.Required("sampler"), hasTruth: true);
            config = config with { Samples = samples, PositiveShare = share };
            train.Only("pos_weight", "-1").Only("mask_size", "28").Without("debug").Done();
        }

        if (test is not null)
        {
            config = config with
            {
                ScoreThreshold = test.Number("score_thr", 0),
                MaxDetections = test.Whole("max_per_img", 100),
                Suppression = test.Child("nms") is { } nms ? Suppression(nms) : config.Suppression,
            };
            test.Without("mask_thr_binary").Done();
        }

        return config;
    }

    /// <summary>One of "bbox_head": ATSS, the one that the published configurations have.</summary>
    internal AuxiliaryHeadConfig Dense(ConfigNode head, ConfigNode? train, ConfigNode? test)
    {
        head.Only("type", "CoATSSHead").Only("reg_decoded_bbox", "true").Without("num_classes", "in_channels", "feat_channels", "init_cfg", "train_cfg", "test_cfg");
        ConfigNode anchors = head.Required("anchor_generator");
        anchors.Only("octave_base_scale", "8").Only("scales_per_octave", "1");
        Anchors(anchors, [1]);
        Coder(head.Required("bbox_coder"), (0.1f, 0.1f, 0.2f, 0.2f));
        AtssConfig config = new()
        {
            Convs = head.Whole("stacked_convs", 4),
            ClassWeight = ReferenceQueryHead.Weight(head.Required("loss_cls"), "FocalLoss", ("use_sigmoid", "true"), ("gamma", "2.0"), ("alpha", "0.25")),
            BoxWeight = ReferenceQueryHead.Weight(head.Required("loss_bbox"), "GIoULoss"),
            CenternessWeight = ReferenceQueryHead.Weight(head.Required("loss_centerness"), "CrossEntropyLoss", ("use_sigmoid", "true")),
        };
        if (head.Child("norm_cfg") is { } norm)
        {
            norm.Only("type", "GN").Only("num_groups", "32").Without("requires_grad").Done();
        }

        head.Done();
        if (train is not null)
        {
            ConfigNode assigner = train.Required("assigner");
            assigner.Only("type", "ATSSAssigner").Only("topk", "9").Only("ignore_iof_thr", "-1").Done();
            train.Only("allowed_border", "-1").Only("pos_weight", "-1").Without("debug").Done();
        }

        if (test is null)
        {
            return config;
        }

        DenseDetectionConfig detection = new()
        {
            PerLevel = test.Whole("nms_pre", 1000),
            ScoreThreshold = test.Number("score_thr", 0),
            MaxDetections = test.Whole("max_per_img", 100),
            Suppression = test.Child("nms") is { } suppression ? Suppression(suppression) : new DenseDetectionConfig().Suppression,
        };
        test.Only("min_bbox_size", "0").Done();
        return config with { Detection = detection };
    }

    private static ProposalSettings Offered(ConfigNode offered, ProposalSettings fallback)
    {
        SuppressionSettings suppression = Suppression(offered.Required("nms"));
        if (suppression.Soft is not null)
        {
            throw offered.Wrong("asks for soft suppression of proposals; built: nms");
        }

        ProposalSettings settings = new(offered.Whole("nms_pre", fallback.PerLevel), offered.Whole("max_per_img", fallback.Most), suppression.Threshold);
        offered.Only("min_bbox_size", "0").Done();
        return settings;
    }

    private static FasterRcnnConfig BoxHead(ConfigNode head)
    {
        bool isShared = head.Type == "Shared2FCBBoxHead";
        head.Only("type", "Shared2FCBBoxHead", "ConvFCBBoxHead").Only("roi_feat_size", "7").Only("reg_decoded_bbox", "true")
            .Without("in_channels", "num_classes", "conv_out_channels", "init_cfg");
        float[] units = [0.1f, 0.1f, 0.2f, 0.2f];
        if (head.Child("bbox_coder") is { } coder)
        {
            coder.Only("type", "DeltaXYWHBBoxCoder").Only("clip_border", "true").Without("target_means");
            units = coder.Numbers("target_stds") ?? [1, 1, 1, 1];
            coder.Done();
        }

        if (head.Child("norm_cfg") is { } norm)
        {
            norm.Only("type", "GN").Only("num_groups", "32").Without("requires_grad").Done();
        }

        FasterRcnnConfig config = new()
        {
            Convs = head.Whole("num_shared_convs", 0),
            FullyConnected = head.Whole("num_shared_fcs", isShared ? 2 : 0),
            Hidden = head.Whole("fc_out_channels", 1024),
            IsClassAgnostic = head.Flag("reg_class_agnostic", false),
            Units = (units[0], units[1], units[2], units[3]),
            ClassWeight = ReferenceQueryHead.Weight(head.Required("loss_cls"), "CrossEntropyLoss", ("use_sigmoid", "false")),
            BoxWeight = ReferenceQueryHead.Weight(head.Required("loss_bbox"), "GIoULoss"),
        };
        head.Done();
        return config;
    }

    private MaskRcnnConfig Mask(FasterRcnnConfig boxes, ConfigNode head, ConfigNode mask)
    {
        Extractor(head.Required("mask_roi_extractor"), "14");
        mask.Only("type", "FCNMaskHead").Without("in_channels", "conv_out_channels", "num_classes");
        MaskRcnnConfig config = new()
        {
            Convs = boxes.Convs,
            FullyConnected = boxes.FullyConnected,
            Hidden = boxes.Hidden,
            IsClassAgnostic = boxes.IsClassAgnostic,
            Units = boxes.Units,
            ClassWeight = boxes.ClassWeight,
            BoxWeight = boxes.BoxWeight,
            MaskConvs = mask.Whole("num_convs", 4),
            MaskWeight = ReferenceQueryHead.Weight(mask.Required("loss_mask"), "CrossEntropyLoss", ("use_mask", "true")),
        };
        mask.Done();
        return config;
    }

    private void Extractor(ConfigNode extractor, string bins)
    {
        extractor.Only("type", "SingleRoIExtractor").Without("out_channels");
        ConfigNode layer = extractor.Required("roi_layer");
        layer.Only("type", "RoIAlign").Only("output_size", bins).Only("sampling_ratio", "0").Only("aligned", "true").Done();
        Strides(extractor, extractor.Wholes("featmap_strides"), levels - 1);
        if (extractor.Whole("finest_scale", 56) != 14 * FirstStride)
        {
            throw extractor.Wrong($"has finest_scale {extractor.Whole("finest_scale", 56)}; built: 14 times the first stride, {14 * FirstStride}");
        }

        extractor.Done();
    }

    private void Anchors(ConfigNode anchors, float[] ratios)
    {
        anchors.Only("type", "AnchorGenerator").Only("center_offset", "0", "0.0");
        if (!(anchors.Numbers("ratios") ?? []).SequenceEqual(ratios))
        {
            throw anchors.Wrong($"has other ratios than {string.Join(", ", ratios)}");
        }

        Strides(anchors, anchors.Wholes("strides"), levels);
        anchors.Done();
    }

    /// <summary>Strides must double from level to level, and be the same for all heads.</summary>
    private void Strides(ConfigNode node, int[]? strides, int count)
    {
        if (strides is null || strides.Length != count || strides.Where((stride, i) => stride != strides[0] << i).Any() || (FirstStride ?? strides[0]) != strides[0])
        {
            throw node.Wrong($"needs {count} strides, each twice the one before and the same in all heads");
        }

        FirstStride = strides[0];
    }

    private static void Coder(ConfigNode coder, DeltaCoding units)
    {
        coder.Only("type", "DeltaXYWHBBoxCoder").Only("clip_border", "true").Without("target_means");
        float[] found = coder.Numbers("target_stds") ?? [1, 1, 1, 1];
        if ((DeltaCoding)(found[0], found[1], found[2], found[3]) != units)
        {
            throw coder.Wrong($"has target_stds {string.Join(", ", found)}; built: {units}");
        }

        coder.Done();
    }

    private static void MaxIou(ConfigNode assigner, string positive, string negative, string least, string lowQuality) =>
        assigner.Only("type", "MaxIoUAssigner").Only("pos_iou_thr", positive).Only("neg_iou_thr", negative).Only("min_pos_iou", least).Only("match_low_quality", lowQuality)
            .Only("ignore_iof_thr", "-1").Without("gpu_assign_thr").Done();

    private static (int Count, float PositiveShare) Sampler(ConfigNode sampler, bool hasTruth)
    {
        sampler.Only("type", "RandomSampler").Only("neg_pos_ub", "-1").Only("add_gt_as_proposals", hasTruth ? "true" : "false");
        (int, float) found = (sampler.Whole("num"), sampler.Number("pos_fraction", 0.5f));
        sampler.Done();
        return found;
    }
}
