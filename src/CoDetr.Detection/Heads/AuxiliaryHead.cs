using System.Text.Json.Serialization;
using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>What auxiliary heads read: the encoder's output as maps, and one coarser map (spec/collaborative-training.md §2.1).</summary>
/// <param name="Maps">Finest first: <c>real[batch, height, width, channels]</c> each.</param>
/// <param name="Levels">The maps' sizes; a token is a cell of them.</param>
/// <param name="ValidSizes">What boxes are clipped to and divided by, <c>f32[batch, 2]</c>: height and width in pixels.</param>
/// <param name="PriorSizes">Where priors are valid, <c>f32[batch, 2]</c>; the same unless padding counts as picture.</param>
internal sealed record FeatureMaps(IReadOnlyList<Tensor> Maps, FeatureLevels Levels, Tensor ValidSizes, Tensor PriorSizes);

/// <summary>Boxes that a region-proposal head offers, best first; no gradient.</summary>
/// <param name="Boxes">Corners in pixels: <c>f32[batch, most, 4]</c>.</param>
/// <param name="Scores"><c>f32[batch, most]</c></param>
/// <param name="Counts"><c>i32[batch]</c>: how many each picture has.</param>
internal sealed record Proposals(Tensor Boxes, Tensor Scores, Tensor Counts);

/// <summary>A loss, its weight included; a name without "loss" is a figure that is reported only.</summary>
/// <param name="Name">The reference's, without the head's number.</param>
/// <param name="Values"><c>f32[]</c>, or one number for each level: <c>f32[levels]</c>.</param>
internal sealed record NamedLoss(string Name, Tensor Values);

/// <summary>What a head offers as places for positive queries: its priors or sampled boxes with their fate (spec/collaborative-training.md §3.3, §4).</summary>
/// <param name="Boxes">Corners in pixels: <c>f32[batch, rows, 4]</c>, no gradient.</param>
/// <param name="Assignment">Fate of each, <c>i32[batch, rows]</c>; what is ignored is no candidate.</param>
/// <param name="Features">With gradient, <c>real[batch, rows, channels]</c>; null where the pyramid's tokens serve.</param>
/// <param name="PerToken">Candidates of each token of the pyramid, where its tokens serve.</param>
internal sealed record PositiveCandidates(Tensor Boxes, Assignment Assignment, Tensor? Features = null, int PerToken = 1);

/// <summary>What a training step gets from an auxiliary head.</summary>
internal sealed record HeadOutput(IReadOnlyList<NamedLoss> Losses, PositiveCandidates Candidates);

/// <summary>Detections of an auxiliary head, best first.</summary>
/// <param name="Boxes">Corners in pixels of the network's input: <c>f32[batch, most, 4]</c>.</param>
/// <param name="Scores"><c>f32[batch, most]</c></param>
/// <param name="Labels"><c>i32[batch, most]</c></param>
/// <param name="Counts"><c>i32[batch]</c></param>
internal sealed record HeadDetections(Tensor Boxes, Tensor Scores, Tensor Labels, Tensor Counts)
{
    /// <summary>Downloads them.</summary>
    /// <param name="scaleFactors">For each picture its input size divided by its original size, (x, y).</param>
    /// <param name="count">The most of one picture.</param>
    /// <param name="threshold">Only scores above it are kept.</param>
    internal DetectedObject[][] ToObjects(IReadOnlyList<(double X, double Y)> scaleFactors, int count, float threshold)
    {
        float[] boxes = Boxes.ToArray(), scores = Scores.ToArray();
        int[] labels = Labels.ToArray<int>(), counts = Counts.ToArray<int>();
        int most = Scores.Shape[1];
        return [.. counts.Select((found, image) =>
        {
            (float sx, float sy) = ((float)scaleFactors[image].X, (float)scaleFactors[image].Y);
            return Enumerable.Range(image * most, Math.Min(found, count)).Where(i => scores[i] > threshold).Select(i => new DetectedObject(
                boxes[4 * i] / sx, boxes[(4 * i) + 1] / sy, boxes[(4 * i) + 2] / sx, boxes[(4 * i) + 3] / sy, scores[i], labels[i])).ToArray();
        })];
    }
}

/// <summary>What every auxiliary head of a model has in common.</summary>
/// <param name="Classes">Foreground classes.</param>
/// <param name="Width">Channels of the maps.</param>
/// <param name="Levels">Maps, the extra one included.</param>
/// <param name="FirstStride">Pixels per cell of the finest map; each further one has twice as many.</param>
internal readonly record struct HeadFrame(int Classes, int Width, int Levels, int FirstStride);

/// <summary>Settings of an auxiliary head; the defaults are the paper's, with loss weights before λ2 and the number of decoder layers are multiplied in.</summary>
[JsonDerivedType(typeof(AtssConfig), "atss")]
[JsonDerivedType(typeof(FasterRcnnConfig), "faster-rcnn")]
[JsonDerivedType(typeof(RetinaConfig), "retinanet")]
[JsonDerivedType(typeof(FcosConfig), "fcos")]
[JsonDerivedType(typeof(PaaConfig), "paa")]
[JsonDerivedType(typeof(GflConfig), "gfl")]
[JsonDerivedType(typeof(MaskRcnnConfig), "mask-rcnn")]
public abstract record AuxiliaryHeadConfig
{
    /// <summary>The name by which it is asked for, and its draws are told from those of others.</summary>
    [JsonIgnore]
    public abstract string Kind { get; }

    /// <summary>Whether it pools regions that a region-proposal head offers.</summary>
    [JsonIgnore]
    public virtual bool PoolsRegions => false;

    /// <summary>Whether it learns from the objects' masks.</summary>
    [JsonIgnore]
    public virtual bool LearnsMasks => false;

    /// <summary>The same with every loss weight multiplied: by layers · λ2 (paper, equation 6).</summary>
    public abstract AuxiliaryHeadConfig Times(float factor);

    /// <summary>The same with so many convolutions before the predictions; heads without such a tower stay as they are.</summary>
    public virtual AuxiliaryHeadConfig WithConvs(int convs) => this;

    /// <summary>The head of these settings.</summary>
    internal abstract AuxiliaryHead Build(HeadFrame frame);
}

/// <summary>A one-to-many head beside the decoder: it owns its priors, coder, assigner and losses, and offers its positives as queries.</summary>
internal abstract class AuxiliaryHead : Module
{
    /// <summary>Losses of a batch and candidates for positive queries.</summary>
    /// <param name="maps">The pyramid.</param>
    /// <param name="proposals">Of the region-proposal head; only heads that pool regions look at them.</param>
    /// <param name="truth">What the pictures show.</param>
    /// <param name="draws">This head's own.</param>
    internal abstract HeadOutput Train(FeatureMaps maps, Proposals? proposals, Truth truth, Draws draws);

    /// <summary>Finds objects with this head alone.</summary>
    internal abstract HeadDetections Detect(FeatureMaps maps, Proposals? proposals);
}
