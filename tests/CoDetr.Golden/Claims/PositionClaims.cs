using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Sine encodings of masks and boxes, the inverse of the sigmoid, overlaps of boxes.</summary>
internal static class PositionClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("ops/sine_pe_*", SineEncoding),
        new("ops/proposal_pos_embed", ProposalEmbedding),
        new("ops/dino_sine_embed", DecoderEmbedding),
        new("ops/inverse_sigmoid_*", InverseSigmoid),
        new("assign/bbox_overlaps", Overlaps),
    ];

    private static void SineEncoding(GoldenCase golden)
    {
        Tensor mask = Tensor.From<byte>([.. golden.Bools("mask").Select(b => (byte)(b ? 1 : 0))], golden.ShapeOf("mask"));
        Tensor y = mask.SineEncoding(
            golden.Config.GetProperty("num_feats").GetInt32(), golden.Config.GetProperty("temperature").GetSingle(),
            golden.Config.GetProperty("offset").GetSingle(), golden.Config.GetProperty("normalize").GetBoolean());
        golden.CompareChannelsLast("pos", y);
    }

    private static void ProposalEmbedding(GoldenCase golden)
    {
        Tensor x = golden.Tensor("proposals", requiresGrad: true);
        Tensor y = x.Sigmoid().SineEmbedding(golden.Config.GetProperty("embed").GetInt32() / 2, yFirst: false);
        y.Backward(golden.Tensor("gradout.y"));
        golden.Compare("y", y);
        golden.Compare("grad.proposals", x.Grad);
    }

    /// <summary>The second output is that of the points alone.</summary>
    private static void DecoderEmbedding(GoldenCase golden)
    {
        int features = golden.Config.GetProperty("pos_feat").GetInt32();
        Tensor x = golden.Tensor("pos", requiresGrad: true);
        Tensor y = x.SineEmbedding(features, yFirst: true);
        golden.Compare("y2", x.Detach().Slice(2, 0, 2).SineEmbedding(features, yFirst: true));
        y.Backward(golden.Tensor("gradout.y"));
        golden.Compare("y", y);
        golden.Compare("grad.pos", x.Grad);
    }

    private static void InverseSigmoid(GoldenCase golden)
    {
        Tensor x = golden.Tensor("x", requiresGrad: true);
        Tensor y = x.InverseSigmoid(golden.Config.GetProperty("eps").GetSingle());
        y.Backward(golden.Tensor("gradout.y"));
        golden.Compare("y", y);
        golden.Compare("grad.x", x.Grad);
    }

    /// <summary>Aligned overlaps take as many of the first boxes as there are second ones.</summary>
    private static void Overlaps(GoldenCase golden)
    {
        Tensor a = golden.Tensor("a"), b = golden.Tensor("b");
        int count = b.Shape[0];
        Tensor first = Tensor.From(golden.Floats("a")[..(4 * count)], b.Shape);
        foreach ((Overlap overlap, string name) in new[] { (Overlap.IoU, "iou"), (Overlap.IoF, "iof"), (Overlap.GIoU, "giou") })
        {
            golden.Compare(name, a.PairwiseOverlap(b, overlap));
            golden.Compare(name + "_aligned", first.AlignedOverlap(b, overlap));
        }

        golden.Compare("cxcywh", a.ToCenters());
        golden.Compare("xyxy_back", a.ToCenters().ToCorners());
    }
}
