namespace CoDetr.Data;

/// <summary>One found object, in pixels of the image's file.</summary>
/// <param name="Image">index in <see cref="CocoFile.Images"/></param>
/// <param name="Label">class, 0-based and contiguous</param>
/// <param name="Score">in [0, 1], higher is surer</param>
/// <param name="X">left edge</param>
/// <param name="Y">top edge</param>
/// <param name="Width">of the box</param>
/// <param name="Height">of the box</param>
public readonly record struct ScoredBox(int Image, int Label, double Score, double X, double Y, double Width, double Height)
{
    /// <summary>A detection from two corners.</summary>
    public static ScoredBox FromCorners(int image, int label, double score, double x1, double y1, double x2, double y2) =>
        new(image, label, score, x1, y1, x2 - x1, y2 - y1);
}
