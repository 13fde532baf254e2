using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>The parts of Co-DINO: decoder, transformer, auxiliary queries.</summary>
internal static class DinoClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("modules/decoder_dino", Decoder),
        new("modules/co_dino_transformer", Transformer),
        new("modules/co_dino_forward_aux_head0", AuxiliaryQueries),
    ];

    private static void Decoder(GoldenCase golden)
    {
        int layers = golden.Config.GetProperty("layers").GetInt32();
        DinoDecoder decoder = new DinoDecoder(TransformerClaims.ConfigOf(golden) with { DecoderLayers = layers }).Filled(golden, "w.decoder.");
        BoxBranch[] branches = Branches(golden, layers);
        Tensor query = golden.BatchFirst("query", true), memory = golden.BatchFirst("memory", true);
        Tensor blocked = Tensor.From<byte>([.. golden.Ints("attn_mask").Select(v => (byte)v)], golden.ShapeOf("attn_mask"));
        DinoDecoderOutput output = decoder.Forward(
            query, memory, golden.Tensor("reference_points"), branches, TransformerClaims.Grid(golden, "spatial_shapes", "padding_mask"), blocked);
        CompareDecoder(golden, output);
        golden.CompareBatchFirst("grad.query", query.Grad);
        golden.CompareBatchFirst("grad.memory", memory.Grad);
        decoder.CompareGradients(golden, "w.decoder.");
        CompareBranches(golden, branches);
    }

    /// <summary>Denoising and matched queries in one pass, as the reference has them.</summary>
    private static void Transformer(GoldenCase golden)
    {
        (DinoTransformer transformer, BoxBranch[] branches) = Parts(golden);
        Linear classes = new Linear(transformer.Width, golden.ShapeOf("w.cls_branches.2.bias")[0]).Filled(golden, "w.cls_branches.2.");
        (Tensor[] levels, Tensor sine, TokenGrid grid) = Inputs(golden);
        Tensor memory = transformer.Encode(levels, sine, grid);
        (Tensor logits, Tensor boxLogits) = transformer.Propose(memory, grid, classes, branches[^1]);
        Tensor anchors = boxLogits.Sigmoid(), noisy = golden.Tensor("dn_label_query", true);
        Tensor blocked = Tensor.From<byte>([.. golden.Ints("attn_mask").Select(v => (byte)v)], golden.ShapeOf("attn_mask"));
        DinoDecoderOutput output = transformer.Decoder.Forward(
            Tensor.Concat(1, noisy, transformer.Content(memory.Shape[0], memory.DType)),
            memory, Tensor.Concat(1, golden.Tensor("dn_bbox_query"), boxLogits.Detach()).Sigmoid(), branches, grid, blocked);
        golden.Compare("topk_score", logits);
        golden.Compare("topk_anchor", anchors);
        golden.CompareBatchFirst("memory", memory);
        CompareDecoder(
            golden, output, (logits, golden.Tensor("gradout.topk_score")), (anchors, golden.Tensor("gradout.topk_anchor")),
            (memory, golden.BatchFirst("gradout.memory")));
        golden.Compare("grad.dn_label_query", noisy.Grad);
        classes.CompareGradients(golden, "w.cls_branches.2.");
        CompareParts(golden, transformer, branches, levels);
    }

    private static void AuxiliaryQueries(GoldenCase golden)
    {
        (DinoTransformer transformer, BoxBranch[] branches) = Parts(golden);
        (Tensor[] levels, _, TokenGrid grid) = Inputs(golden);
        int head = golden.Config.GetProperty("head_idx").GetInt32();
        Tensor memory = Tensor.Concat(1, [.. levels.Select(level => level.Reshape(level.Shape[0], -1, transformer.Width))]);
        Tensor boxes = golden.Tensor("pos_anchors");
        PositiveQueries positives = new(boxes, new Assignment(Tensor.Zeros([boxes.Shape[0], boxes.Shape[1]], DType.I32)), golden.Tensor("pos_feats"));
        CompareDecoder(golden, transformer.Decoder.Forward(transformer.Content(head, positives, memory.DType), memory, boxes, branches, grid));
        CompareParts(golden, transformer, branches, levels);
    }

    private static (DinoTransformer Transformer, BoxBranch[] Branches) Parts(GoldenCase golden)
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
        };
        return (new DinoTransformer(config, heads: 2).Filled(golden, "w.transformer."), Branches(golden, 3));
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
