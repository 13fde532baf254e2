namespace CoDetr.Data;

/// <summary>What happens to an image between its file and a batch: transforms in order, then normalization, then padding to a common size.</summary>
/// <param name="Transforms">in order</param>
public sealed record Pipeline(IReadOnlyList<Transform> Transforms)
{
    private const int Grey = 114;

    /// <summary>Bytes to numbers.</summary>
    public Normalization Normalization { get; init; } = Normalization.ImageNet;

    /// <summary>A batch's height and width are rounded up to multiples of this.</summary>
    public int SizeDivisor { get; init; } = 1;

    /// <summary>The images as they are.</summary>
    public static Pipeline Plain { get; } = new([]);

    /// <summary>For testing: short edge to <paramref name="shortEdge"/> unless the long edge would exceed <paramref name="longEdge"/>.</summary>
    public static Pipeline Test(int shortEdge = 800, int longEdge = 1333) => new([new Resize([new Scale(longEdge, shortEdge)])]);

    /// <summary>
    /// The training augmentation of DETR: mirrored or not; then, with equal probability, resized (A), or resized, cropped and resized again (B).
    /// </summary>
    /// <param name="shortEdges">short edges to choose from; null: 480, 512, …, 800</param>
    /// <param name="longEdge">limit of the long edge</param>
    /// <param name="cropShortEdges">short edges before the crop of B; null: 400, 500, 600</param>
    /// <param name="cropLow">smallest edge of the crop</param>
    /// <param name="cropHigh">largest edge of the crop</param>
    public static Pipeline Detr(
        IReadOnlyList<int>? shortEdges = null, int longEdge = 1333, IReadOnlyList<int>? cropShortEdges = null, int cropLow = 384, int cropHigh = 600)
    {
        const int LongEdgeBeforeCrop = 4200;
        Resize resize = Resize.ToShortEdge(shortEdges ?? [.. Enumerable.Range(0, 11).Select(i => 480 + 32 * i)], longEdge);
        Resize before = Resize.ToShortEdge(cropShortEdges ?? [400, 500, 600], LongEdgeBeforeCrop);
        return new([new RandomFlip(), new OneOf([resize], [before, new RandomCrop(cropLow, cropHigh), resize])]);
    }

    /// <summary>Large-scale jitter: resized by 0.1 to 2, cropped and padded with grey to a square, mirrored or not.</summary>
    /// <param name="size">edge of the square, pixels</param>
    public static Pipeline LargeScaleJitter(int size = 1024) => new(
        [new RandomResize(new Scale(size, size), 0.1, 2.0), new RandomCrop(size, size), new FilterBoxes(), new RandomFlip(), new Pad(size, size, Grey)]);

    /// <summary>Runs the transforms; false when another image should be taken.</summary>
    public bool Apply(Sample sample, Draws draws)
    {
        foreach (Transform transform in Transforms)
            if (!transform.Apply(sample, draws))
                return false;
        return true;
    }
}
