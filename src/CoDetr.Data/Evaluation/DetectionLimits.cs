namespace CoDetr.Data;

/// <summary>
/// How many detections of an image and class are looked at: the three maxDets of COCO, ascending.
/// </summary>
/// <param name="Low">for the first recall</param>
/// <param name="Middle">for the second recall</param>
/// <param name="High">for everything else</param>
public readonly record struct DetectionLimits(int Low, int Middle, int High)
{
    /// <summary>Where the headline AP is taken, whatever the three limits are.</summary>
    public const int Headline = 100;

    /// <summary>1, 10, 100: as in the COCO API and in papers.</summary>
    public static DetectionLimits Coco { get; } = new(1, 10, 100);

    /// <summary>100, 300, 1000: as in MMDetection's logs. AP is taken at 100, AP50 to APl at 1000.</summary>
    public static DetectionLimits MmDetection { get; } = new(100, 300, 1000);

    internal int[] Values => [Low, Middle, High];
}
