using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>The parts of Co-DINO: decoder, transformer, auxiliary and denoising queries, losses.</summary>
internal static class DinoClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("modules/decoder_dino", Decoder),
        new("modules/co_dino_transformer", Transformer),
        new("modules/co_dino_forward_aux_head0", AuxiliaryQueries),
        new("modules/cdn_*", Denoising),
        new("losses/query_head_co_dino", Losses),
    ];

    private static void Decoder(GoldenCase golden)
    {
        int layers = golden.Config.GetProperty("layers").GetInt32();
        DinoDecoder decoder = new DinoDecoder(TransformerClaims.ConfigOf(golden) with { DecoderLayers = layers }).Filled(golden, "w.decoder.");
        BoxBranch[] branches = Branches(golden, layers);
        Tensor query = golden.BatchFirst("query", true), memory = golden.BatchFirst("memory", true);
        DinoDecoderOutput output = decoder.Forward(
            query, memory, golden.Tensor("reference_points"), branches, TransformerClaims.Grid(golden, "spatial_shapes", "padding_mask"), Mask(golden));
        CompareDecoder(golden, output);
        golden.CompareBatchFirst("grad.query", query.Grad);
        golden.CompareBatchFirst("grad.memory", memory.Grad);
        decoder.CompareGradients(golden, "w.decoder.");
        CompareBranches(golden, branches);
    }

    /// <summary>Denoising and matched queries in one pass, as the reference has them.</summary>
    private static void Transformer(GoldenCase golden)
    {
        (DinoTransformer transformer, DetectorConfig config, BoxBranch[] branches) = Parts(golden);
        Linear classes = new Linear(config.Width, golden.ShapeOf("w.cls_branches.2.bias")[0]).Filled(golden, "w.cls_branches.2.");
        (Tensor[] levels, Tensor sine, TokenGrid grid) = Inputs(golden);
        EncoderOutput encoded = transformer.Encode(levels, sine, grid, classes, branches[^1]);
        Tensor noisy = golden.Tensor("dn_label_query", true), boxes = golden.Tensor("dn_bbox_query").Sigmoid();
        QueryGroup denoising = new(new GroupName("dn_"), noisy, null, boxes, null, new QuerySpan(noisy.Shape[1], 2, SeesMain: true));
        DinoDecoderOutput output = transformer.Decode(encoded, [denoising, transformer.MainQueries(encoded)], branches, grid, Mask(golden));
        golden.Compare("topk_score", encoded.Logits);
        golden.Compare("topk_anchor", encoded.Boxes);
        golden.CompareBatchFirst("memory", encoded.Memory);
        CompareDecoder(
            golden, output, (encoded.Logits, golden.Tensor("gradout.topk_score")), (encoded.Boxes, golden.Tensor("gradout.topk_anchor")),
            (encoded.Memory, golden.BatchFirst("gradout.memory")));
        golden.Compare("grad.dn_label_query", noisy.Grad);
        classes.CompareGradients(golden, "w.cls_branches.2.");
        CompareParts(golden, transformer, branches, levels);
    }

    private static void AuxiliaryQueries(GoldenCase golden)
    {
        (DinoTransformer transformer, DetectorConfig config, BoxBranch[] branches) = Parts(golden);
        (Tensor[] levels, _, TokenGrid grid) = Inputs(golden);
        Tensor memory = Tensor.Concat(1, [.. levels.Select(level => level.Reshape(level.Shape[0], -1, config.Width))]), boxes = golden.Tensor("pos_anchors");
        Assignment assignment = new(Tensor.Zeros([boxes.Shape[0], boxes.Shape[1]], DType.I32));
        QueryGroup group = transformer.PositiveGroup(
            new PositiveQueries(boxes, assignment, golden.Tensor("pos_feats")), golden.Config.GetProperty("head_idx").GetInt32(), memory.DType);
        CompareDecoder(golden, transformer.Decode(new EncoderOutput(memory, boxes, boxes, boxes), [group], branches, grid, null));
        CompareParts(golden, transformer, branches, levels);
    }

    private static void Denoising(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        int number = config.GetProperty("num").GetInt32(), queries = config.GetProperty("num_queries").GetInt32();
        DetectorConfig detector = new()
        {
            Classes = config.GetProperty("num_classes").GetInt32(),
            Denoising = new()
            {
                Queries = number,
                Groups = config.GetProperty("dynamic").GetBoolean() ? null : number,
                LabelNoise = config.GetProperty("label_noise").GetSingle(),
                BoxNoise = config.GetProperty("box_noise").GetSingle(),
            },
        };
        JsonElement[] shapes = [.. config.GetProperty("img_metas").EnumerateArray().Select(meta => meta.GetProperty("img_shape"))];
        Truth truth = HeadClaims.Objects(golden, shapes.Length);
        Tensor sizes = ImageBatch.Upload([.. shapes.Select(shape => new ImageSize(shape[0].GetInt32(), shape[1].GetInt32()))]);
        Dictionary<string, Tensor> numbers = [];
        DenoisingDraws.Add(numbers, golden, [.. golden.Names("random_draws")], detector, truth.Objects);
        QueryGroup group = QueryDenoising.Make(
            detector.Denoising, golden.Tensor("label_embedding"), truth, sizes, DType.F32, Draws.Given(numbers).For("denoising"))!;
        golden.Compare("label_query", group.Content);
        golden.Compare("bbox_query", group.Reference.InverseSigmoid());
        golden.Compare("attn_mask", Tensor.BlockedQueries([group.Span, new QuerySpan(queries)], main: 1));
        golden.Require(group.Span.Parts == config.GetProperty("groups").GetInt32(), "the number of groups");
        golden.Require(group.Span.Count == config.GetProperty("pad_size").GetInt32(), "the number of queries");
    }

    /// <summary>The first queries are one denoising group: a positive for each object that the fullest picture has, then as many negatives.</summary>
    private static void Losses(GoldenCase golden)
    {
        (ImageSize[] sizes, _) = HeadClaims.Pictures(golden);
        Shape shape = golden.ShapeOf("cls");
        (int layers, int pad) = (shape[0], golden.Config.GetProperty("pad_size").GetInt32());
        Tensor logits = golden.Tensor("cls", true), boxes = golden.Tensor("box", true);
        Tensor encoderLogits = golden.Tensor("enc_cls", true), encoderBoxes = golden.Tensor("enc_box", true);
        Tensor[] Split(Tensor x) => [.. Enumerable.Range(0, layers).Select(i => x.Slice(0, i, 1).Reshape(x.Shape[1], x.Shape[2], x.Shape[3]))];
        Truth truth = HeadClaims.Objects(golden, sizes.Length);
        Tensor validSizes = ImageBatch.Upload(sizes), embedding = Tensor.Zeros([shape[3], 1]);
        DenoisingSettings settings = new() { Groups = golden.Config.GetProperty("num_dn_group").GetInt32() };
        Draws none = Draws.Given(new Dictionary<string, Tensor>());
        QueryGroup denoising = QueryDenoising.Make(settings, embedding, truth, validSizes, DType.F32, none)!;
        golden.Require(denoising.Span.Count == pad, "the number of denoising queries");
        QueryGroup main = new(default, boxes, null, boxes, null, new QuerySpan(shape[2] - pad));
        MatchTruth objects = SetPredictionLoss.ToMatch(truth, validSizes);
        DetectorConfig config = new() { Classes = shape[3], Kind = QueryKind.Dino, UsesQuality = true, ClassWeight = 1 };
        LossTable losses = LossTable.Of(
        [
            SetPredictionLoss.Encoder(new EncoderOutput(encoderLogits, encoderLogits, encoderBoxes, encoderBoxes), objects, config),
            SetPredictionLoss.Decoder(new QueryPredictions(Split(logits), Split(boxes)), [denoising, main], objects, config, classWeights: null),
        ]);
        float[] values = losses.Values.ToArray();
        for (int i = 0; i < values.Length; i++)
        {
            golden.Compare<float>(losses.Names[i], [values[i]]);
        }

        losses.Total.Backward();
        golden.Compare("grad.cls", logits.Grad);
        golden.Compare("grad.box", boxes.Grad);
        golden.Compare("grad.enc_cls", encoderLogits.Grad);
        golden.Compare("grad.enc_box", encoderBoxes.Grad);
    }

    private static Tensor Mask(GoldenCase golden) => Tensor.From<byte>([.. golden.Ints("attn_mask").Select(v => (byte)v)], golden.ShapeOf("attn_mask"));

    private static (DinoTransformer Transformer, DetectorConfig Config, BoxBranch[] Branches) Parts(GoldenCase golden)
    {
        int queries = golden.ShapeOf("w.transformer.query_embed.weight")[0], width = golden.ShapeOf("w.transformer.query_embed.weight")[1];
        DetectorConfig config = new()
        {
            Classes = 1,
            Width = width,
            Heads = golden.Config.GetProperty("heads").GetInt32(),
            Levels = golden.Config.GetProperty("levels").GetInt32(),
            FeedForward = golden.ShapeOf("w.transformer.decoder.layers.0.ffns.0.layers.0.0.bias")[0],
            EncoderLayers = golden.Has("w.transformer.encoder.layers.0.norms.0.bias") ? 2 : 0,
            DecoderLayers = 2,
            Queries = queries,
            Positives = new PositiveSettings { HasFeatures = false },
        };
        return (new DinoTransformer(config, heads: 2).Filled(golden, "w.transformer."), config, Branches(golden, 3));
    }

    private static BoxBranch[] Branches(GoldenCase golden, int count)
    {
        int width = golden.ShapeOf("w.reg_branches.0.0.bias")[0];
        return [.. Enumerable.Range(0, count).Select(i => new BoxBranch(width).Filled(golden, $"w.reg_branches.{i}."))];
    }

    private static (Tensor[] Levels, Tensor Sine, TokenGrid Grid) Inputs(GoldenCase golden)
    {
        Tensor[] levels = [.. Enumerable.Range(0, 4).Select(i => golden.ChannelsLast($"feat.{i}", true))];
        Tensor sine = Tensor.Concat(1, [.. levels.Select((level, i) => golden.ChannelsLast($"pos.{i}").Reshape(level.Shape[0], -1, level.Shape[3]))]);
        return (levels, sine, TransformerClaims.GridOfMasks(golden));
    }

    /// <summary>Compares states and references, then goes backward from them and from what else is given.</summary>
    private static void CompareDecoder(GoldenCase golden, DinoDecoderOutput output, params (Tensor Output, Tensor Upstream)[] others)
    {
        Tensor states = Tensor.Stack(0, output.States).Permute(0, 2, 1, 3), references = Tensor.Stack(0, output.References);
        golden.Compare("states", states);
        golden.Compare("references", references);
        Weights.Backward([(states, golden.Tensor("gradout.states")), (references, golden.Tensor("gradout.references")), .. others]);
    }

    private static void CompareParts(GoldenCase golden, DinoTransformer transformer, BoxBranch[] branches, Tensor[] levels)
    {
        for (int i = 0; i < levels.Length; i++)
        {
            golden.CompareChannelsLast($"grad.feat.{i}", levels[i].Grad);
        }

        transformer.CompareGradients(golden, "w.transformer.");
        CompareBranches(golden, branches);
    }

    private static void CompareBranches(GoldenCase golden, BoxBranch[] branches)
    {
        for (int i = 0; i < branches.Length; i++)
        {
            branches[i].CompareGradients(golden, $"w.reg_branches.{i}.");
        }
    }
}
