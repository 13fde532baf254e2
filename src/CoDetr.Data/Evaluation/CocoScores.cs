namespace CoDetr.Data;

/// <summary>The six precisions of one class; -1 where there is nothing to find.</summary>
/// <param name="Label">the class</param>
/// <param name="Ap">mean over IoU .50:.05:.95</param>
/// <param name="Ap50">at IoU .5</param>
/// <param name="Ap75">at IoU .75</param>
/// <param name="ApSmall">objects up to 32² pixels</param>
/// <param name="ApMedium">32² to 96²</param>
/// <param name="ApLarge">from 96²</param>
public sealed record ClassScores(int Label, double Ap, double Ap50, double Ap75, double ApSmall, double ApMedium, double ApLarge);

/// <summary>The twelve figures of COCO, in [0, 1]; -1 where there is nothing to find.</summary>
/// <param name="Limits">the three limits on detections</param>
/// <param name="Ap">mean over IoU .50:.05:.95 and classes</param>
/// <param name="Ap50">at IoU .5</param>
/// <param name="Ap75">at IoU .75</param>
/// <param name="ApSmall">objects up to 32² pixels</param>
/// <param name="ApMedium">32² to 96²</param>
/// <param name="ApLarge">from 96²</param>
/// <param name="ArLow">largest recall with <see cref="DetectionLimits.Low"/> detections of an image and class</param>
/// <param name="ArMiddle">with <see cref="DetectionLimits.Middle"/></param>
/// <param name="ArHigh">with <see cref="DetectionLimits.High"/></param>
/// <param name="ArSmall">objects up to 32² pixels</param>
/// <param name="ArMedium">32² to 96²</param>
/// <param name="ArLarge">from 96²</param>
public sealed record CocoScores(
    DetectionLimits Limits,
    double Ap, double Ap50, double Ap75, double ApSmall, double ApMedium, double ApLarge,
    double ArLow, double ArMiddle, double ArHigh, double ArSmall, double ArMedium, double ArLarge)
{
    /// <summary>By class.</summary>
    public required IReadOnlyList<ClassScores> Classes { get; init; }

    /// <summary>The curves behind the figures.</summary>
    public required AveragePrecision Curves { get; init; }
}
