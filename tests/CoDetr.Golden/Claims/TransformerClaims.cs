using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Deformable attention with its projections, encoder, decoder, proposals, the whole two-stage transformer.</summary>
internal static class TransformerClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("modules/msda_module_*", Attention),
        new("modules/msda_init_bias", StartOfAttention),
        new("modules/ffn", FeedForward),
        new("modules/encoder_*", Encoder),
        new("modules/decoder_co_deformable", Decoder),
        new("modules/reference_points", ReferencePoints),
        new("modules/two_stage_proposals", Proposals),
        new("modules/co_deformable_transformer", Transformer),
        new("modules/co_deformable_forward_aux_head1", AuxiliaryQueries),
    ];

    private static void Attention(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        DeformableAttention attention = new DeformableAttention(
            config.GetProperty("embed").GetInt32(), config.GetProperty("heads").GetInt32(), config.GetProperty("levels").GetInt32(), config.GetProperty("points").GetInt32())
            .Filled(golden);
        Tensor query = golden.BatchFirst("query", true), position = golden.BatchFirst("query_pos", true), value = golden.BatchFirst("value", true);
        Tensor reference = golden.Tensor("reference_points", true);
        Tensor y = attention.Forward(query, position, value, reference, Grid(golden, "spatial_shapes", "key_padding_mask"));
        y.Backward(golden.BatchFirst("gradout.out"));
        golden.CompareBatchFirst("out", y);
        golden.CompareBatchFirst("grad.query", query.Grad);
        golden.CompareBatchFirst("grad.query_pos", position.Grad);
        golden.CompareBatchFirst("grad.value", value.Grad);
        golden.Compare("grad.reference_points", reference.Grad);
        attention.CompareGradients(golden);
    }

    private static void StartOfAttention(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        DeformableAttention attention = new(
            config.GetProperty("embed").GetInt32(), config.GetProperty("heads").GetInt32(), config.GetProperty("levels").GetInt32(), config.GetProperty("points").GetInt32());
        attention.Initialize(1);
        foreach ((string name, Parameter parameter) in attention.NamedParameters().Where(p => golden.Has(p.Name)))
        {
            golden.Compare<float>(name, parameter.Export());
        }
    }

    private static void FeedForward(GoldenCase golden)
    {
        FeedForward layer = new FeedForward(golden.Config.GetProperty("embed").GetInt32(), golden.Config.GetProperty("ff").GetInt32()).Filled(golden);
        Tensor x = golden.Tensor("x", true);
        Tensor y = layer.Forward(x);
        y.Backward(golden.Tensor("gradout.y"));
        golden.Compare("y", y);
        golden.Compare("grad.x", x.Grad);
        layer.CompareGradients(golden);
    }

    private static void Encoder(GoldenCase golden)
    {
        DeformableEncoder encoder = new DeformableEncoder(ConfigOf(golden) with { EncoderLayers = golden.Config.GetProperty("layers").GetInt32() }).Filled(golden);
        Tensor query = golden.BatchFirst("query", true), position = golden.BatchFirst("query_pos", true);
        TokenGrid grid = Grid(golden, "spatial_shapes", "padding_mask");
        Tensor memory = encoder.Forward(query, position, golden.Tensor("reference_points"), grid);
        memory.Backward(golden.BatchFirst("gradout.memory"));
        golden.CompareBatchFirst("memory", memory);
        golden.CompareBatchFirst("grad.query", query.Grad);
        golden.CompareBatchFirst("grad.query_pos", position.Grad);
        encoder.CompareGradients(golden);
    }

    private static void Decoder(GoldenCase golden)
    {
        int layers = golden.Config.GetProperty("layers").GetInt32();
        DeformableDecoder decoder = new DeformableDecoder(ConfigOf(golden) with { DecoderLayers = layers }).Filled(golden, "w.decoder.");
        BoxBranch[] branches = [.. Enumerable.Range(0, layers).Select(i => new BoxBranch(golden.Config.GetProperty("embed").GetInt32()).Filled(golden, $"w.reg_branches.{i}."))];
        Tensor query = golden.BatchFirst("query", true), position = golden.BatchFirst("query_pos", true), memory = golden.BatchFirst("memory", true);
        TokenGrid grid = Grid(golden, "spatial_shapes", "padding_mask");
        DecoderOutput output = decoder.Forward(query, position, memory, golden.Tensor("reference_points"), branches, grid);
        Tensor states = Tensor.Stack(0, output.States).Permute(0, 2, 1, 3), references = Tensor.Stack(0, output.References);
        golden.Compare("states", states);
        golden.Compare("references", references);
        Weights.Backward((states, golden.Tensor("gradout.states")), (references, golden.Tensor("gradout.references")));
        golden.CompareBatchFirst("grad.query", query.Grad);
        golden.CompareBatchFirst("grad.query_pos", position.Grad);
        golden.CompareBatchFirst("grad.memory", memory.Grad);
        decoder.CompareGradients(golden, "w.decoder.");
        for (int i = 0; i < layers; i++)
        {
            branches[i].CompareGradients(golden, $"w.reg_branches.{i}.");
        }
    }

    private static void ReferencePoints(GoldenCase golden)
    {
        TokenGrid grid = GridOfMasks(golden);
        golden.Compare("valid_ratios", grid.ValidRatios);
        golden.Compare("reference_points", grid.Levels.ReferencePoints(grid.ValidRatios));
    }

    private static void Proposals(GoldenCase golden)
    {
        int width = golden.ShapeOf("memory")[2];
        DeformableTransformer transformer = new(new DetectorConfig { Classes = 1, Width = width, Levels = 4, FeedForward = 8, EncoderLayers = 0, DecoderLayers = 0 });
        foreach ((string name, Parameter parameter) in transformer.NamedParameters().Where(p => golden.Has($"w.{p.Name}")))
        {
            parameter.Import(golden.Floats($"w.{name}"));
        }

        Tensor memory = golden.Tensor("memory", true);
        (Tensor output, Tensor proposals) = transformer.Proposals(memory, Grid(golden, "spatial_shapes", "padding_mask"));
        golden.Compare("output_memory", output);
        golden.Compare("output_proposals", proposals);
        golden.Compare("output_proposals_sigmoid", proposals.Sigmoid());
        golden.Compare<bool>("finite", [.. proposals.ToArray().Select(float.IsFinite)]);
        output.Backward(golden.Tensor("gradout.output_memory"));
        golden.Compare("grad.memory", memory.Grad);
        transformer.CompareGradients(golden);
    }

    private static void Transformer(GoldenCase golden)
    {
        int[] layers = [.. golden.Config.GetProperty("layers").EnumerateArray().Select(n => n.GetInt32())];
        DetectorConfig config = ConfigOf(golden) with { EncoderLayers = layers[0], DecoderLayers = layers[1] };
        DeformableTransformer transformer = new DeformableTransformer(config).Filled(golden, "w.transformer.");
        BoxBranch[] branches = [.. Enumerable.Range(0, layers[1] + 1).Select(i => new BoxBranch(config.Width).Filled(golden, $"w.reg_branches.{i}."))];
        string encoderBranch = $"cls_branches.{layers[1]}.";
        Linear classes = new Linear(config.Width, golden.ShapeOf($"w.{encoderBranch}bias")[0]).Filled(golden, $"w.{encoderBranch}");
        Tensor[] levels = [.. Enumerable.Range(0, config.Levels).Select(i => golden.ChannelsLast($"feat.{i}", true))];
        Tensor sine = Tensor.Concat(1, [.. levels.Select((level, i) => golden.ChannelsLast($"pos.{i}").Reshape(level.Shape[0], -1, config.Width))]);
        Tensor queries = golden.Tensor("query_embed", true);
        TokenGrid grid = GridOfMasks(golden);
        EncoderOutput encoded = transformer.Encode(levels, sine, grid, queries.Shape[0], classes, branches[^1]);
        DecoderOutput output = transformer.Decode(encoded, [transformer.MainQueries(encoded, queries)], branches, grid, null);
        Tensor states = Tensor.Stack(0, output.States).Permute(0, 2, 1, 3);
        golden.Compare("states", states);
        golden.Compare("init_reference", encoded.Reference);
        golden.Compare("inter_references", Tensor.Stack(0, output.References));
        golden.Compare("enc_class", encoded.Logits);
        golden.Compare("enc_coord_sigmoid", encoded.Boxes);
        golden.CompareBatchFirst("memory", encoded.Memory);
        Weights.Backward(
            (states, golden.Tensor("gradout.states")),
            (encoded.Logits, golden.Tensor("gradout.enc_class")),
            (encoded.Memory, golden.BatchFirst("gradout.memory")));
        for (int i = 0; i < levels.Length; i++)
        {
            golden.CompareChannelsLast($"grad.feat.{i}", levels[i].Grad);
        }

        golden.Compare("grad.query_embed", queries.Grad);
        transformer.CompareGradients(golden, "w.transformer.");
        classes.CompareGradients(golden, $"w.{encoderBranch}");
        for (int i = 0; i < branches.Length; i++)
        {
            branches[i].CompareGradients(golden, $"w.reg_branches.{i}.");
        }
    }

    /// <summary>Positive queries of the second of two heads, alone in the decoder.</summary>
    private static void AuxiliaryQueries(GoldenCase golden)
    {
        const int layers = 2, head = 1;
        DetectorConfig config = ConfigOf(golden) with
        {
            EncoderLayers = 0,
            DecoderLayers = layers,
            FeedForward = golden.ShapeOf("w.transformer.decoder.layers.0.ffns.0.layers.1.weight")[1],
            Auxiliary = [new AtssConfig(), new AtssConfig()],
        };
        DeformableTransformer transformer = new DeformableTransformer(config).Filled(golden, "w.transformer.");
        BoxBranch[] branches = [.. Enumerable.Range(0, layers).Select(i => new BoxBranch(config.Width).Filled(golden, $"w.reg_branches.{i}."))];
        Tensor[] levels = [.. Enumerable.Range(0, config.Levels).Select(i => golden.ChannelsLast($"feat.{i}", true))];
        Tensor memory = Tensor.Concat(1, [.. levels.Select(level => level.Reshape(level.Shape[0], -1, config.Width))]);
        Tensor boxes = golden.Tensor("pos_anchors"), features = golden.Tensor("pos_feats", true);
        PositiveQueries positives = new(boxes, new Assignment(Tensor.Zeros([boxes.Shape[0], boxes.Shape[1]], DType.I32)), features);
        EncoderOutput encoded = new(memory, memory, memory, boxes);
        DecoderOutput output = transformer.Decode(encoded, [transformer.PositiveGroup(positives, head, DType.F32)], branches, GridOfMasks(golden), null);
        Tensor states = Tensor.Stack(0, output.States).Permute(0, 2, 1, 3), references = Tensor.Stack(0, output.References);
        golden.Compare("states", states);
        golden.Compare("references", references);
        Weights.Backward((states, golden.Tensor("gradout.states")), (references, golden.Tensor("gradout.references")));
        for (int i = 0; i < levels.Length; i++)
        {
            golden.CompareChannelsLast($"grad.feat.{i}", levels[i].Grad);
        }

        golden.Compare("grad.pos_feats", features.Grad);
        transformer.CompareGradients(golden, "w.transformer.");
        for (int i = 0; i < layers; i++)
        {
            branches[i].CompareGradients(golden, $"w.reg_branches.{i}.");
        }
    }

    internal static DetectorConfig ConfigOf(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        return new DetectorConfig
        {
            Classes = 1,
            Width = config.GetProperty("embed").GetInt32(),
            Heads = config.GetProperty("heads").GetInt32(),
            Levels = config.GetProperty("levels").GetInt32(),
            FeedForward = config.TryGetProperty("ff", out JsonElement hidden) ? hidden.GetInt32() : 0,
        };
    }

    /// <summary>The grid of flattened masks <c>[batch, tokens]</c>, 1 = padding.</summary>
    internal static TokenGrid Grid(GoldenCase golden, string shapes, string padding) => TokenGrid.FromPadding(
        [.. golden.Ints(shapes).Chunk(2).Select(size => new ImageSize(size[0], size[1]))], [.. golden.Ints(padding).Select(v => (byte)v)]);

    internal static TokenGrid GridOfMasks(GoldenCase golden)
    {
        Shape[] shapes = [.. Enumerable.Range(0, 4).Select(i => golden.ShapeOf($"mask.{i}"))];
        byte[][][] masks = [.. shapes.Select((shape, i) => golden.Ints($"mask.{i}").Select(v => (byte)v).Chunk(shape[1] * shape[2]).ToArray())];
        byte[] padding = [.. Enumerable.Range(0, shapes[0][0]).SelectMany(image => masks.SelectMany(level => level[image]))];
        return TokenGrid.FromPadding([.. shapes.Select(shape => new ImageSize(shape[1], shape[2]))], padding);
    }
}
