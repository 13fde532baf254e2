namespace CoDetr.Tensors;

/// <summary>The federated loss (spec/losses-and-assignment.md §2.6): which classes take part. No gradient.</summary>
public static class FedLossOp
{
    private static readonly Kernel Classes = new("fed_loss.cu", "fed_loss_classes");

    extension(Tensor labels)
    {
        /// <summary>The classes that the pictures show, and others drawn without replacement by the root of their frequency.</summary>
        /// <param name="counts"><c>i32[images]</c>: objects of each picture; this tensor is <c>i32[images, most]</c></param>
        /// <param name="frequencies"><c>f32[classes]</c>: pictures of the data set that show each; one of 0 is never drawn</param>
        /// <param name="numbers"><c>f32[classes]</c>: random numbers in [0, 1)</param>
        /// <param name="sampled">Classes in all, if the pictures do not show more.</param>
        /// <returns><c>f32[classes]</c>: 1 for those that take part, 0 for the others</returns>
        public Tensor FederatedClasses(Tensor counts, Tensor frequencies, Tensor numbers, int sampled = 50)
        {
            Check.Rank(labels, 2);
            Check.Type(labels, DType.I32);
            (int images, int most, int classes) = (labels.Shape[0], labels.Shape[1], (int)frequencies.Count);
            Check.Shape(counts, [images]);
            Check.Shape(frequencies, [classes]);
            Check.Shape(numbers, [classes]);
            Tensor mask = frequencies.Like();
            labels.Device.Launch(
                Classes, Work.Teams(1, Math.Min(classes, 1024), cost: (long)classes * ((images * most) + sampled)), mask, mask.Like(), labels, counts,
                frequencies, numbers, images, most, classes, sampled);
            return mask;
        }
    }
}
