namespace CoDetr.Tensors;

/// <summary>
/// The random numbers of denoising queries, each in [0, 1); row r · T + t is for copy r of object t, where the T objects of all pictures are counted through.
/// </summary>
/// <param name="Chance"><c>f32[rows]</c>: whether the label changes</param>
/// <param name="Label"><c>f32[rows]</c>: the new label</param>
/// <param name="Sign"><c>f32[rows, 4]</c>: below 0.5 a corner moves left or up</param>
/// <param name="Size"><c>f32[rows, 4]</c>: how far</param>
public sealed record DenoisingNumbers(Tensor Chance, Tensor Label, Tensor Sign, Tensor Size);

/// <summary>Contrastive denoising queries (spec/model.md §7). No gradient.</summary>
public static class DenoisingOp
{
    private static readonly Kernel Queries = new("denoising.cu", "denoising_queries");

    extension(MatchTruth truth)
    {
        /// <summary>Copies of each picture's objects with noise on label and box, in turn near (positive) and farther away (negative).</summary>
        /// <param name="numbers">As many rows as copies · pictures · <paramref name="objects"/>, or more.</param>
        /// <param name="copies">Of each object; even.</param>
        /// <param name="objects">The most that a picture has.</param>
        /// <param name="classes">How many.</param>
        /// <param name="labelNoise">Twice the chance that a label is drawn anew.</param>
        /// <param name="boxNoise">How far corners move, in halves of the box's size.</param>
        /// <returns>
        /// For copies · objects queries a picture: labels <c>i32[images, queries]</c>, -1 where a picture has fewer objects; logits of unit boxes
        /// <c>f32[images, queries, 4]</c>; objects to find <c>i32[images, queries]</c>, -1 for none.
        /// </returns>
        public (Tensor Labels, Tensor BoxLogits, Tensor Match) Denoising(
            DenoisingNumbers numbers, int copies, int objects, int classes, float labelNoise, float boxNoise)
        {
            (int images, int most) = (truth.Boxes.Shape[0], truth.Boxes.Shape[1]);
            int queries = copies * objects;
            Check.That(truth.Labels is not null, "objects need labels.");
            Check.That(objects >= 1 && objects <= most && copies % 2 == 0, $"{copies} copies of {objects} objects of at most {most} cannot be.");
            Check.Shape(truth.Labels!, [images, most]);
            Check.Shape(truth.Counts, [images]);
            Check.Shape(truth.Sizes, [images, 2]);
            int rows = numbers.Chance.Shape[0];
            Check.That(rows >= queries * images, $"{queries * images} rows of numbers are needed, got {rows}.");
            Check.Shape(numbers.Label, [rows]);
            Check.Shape(numbers.Sign, [rows, 4]);
            Check.Shape(numbers.Size, [rows, 4]);
            Tensor logits = truth.Boxes.New(images, queries, 4);
            Tensor labels = Tensor.Empty([images, queries], DType.I32, logits.Device), match = labels.Like();
            logits.Device.Launch(
                Queries, Work.Elements((long)images * queries, 60), labels, logits, match, truth.Boxes, truth.Labels, truth.Counts, truth.Sizes,
                numbers.Chance, numbers.Label, numbers.Sign, numbers.Size, images, most, objects, queries, classes, labelNoise, boxNoise);
            return (labels, logits, match);
        }
    }
}
