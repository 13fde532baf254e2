namespace CoDetr.Data;

/// <summary>A box to draw.</summary>
/// <param name="X1">left, pixels</param>
/// <param name="Y1">top</param>
/// <param name="X2">right</param>
/// <param name="Y2">bottom</param>
/// <param name="Label">class; decides the color</param>
/// <param name="Text">written at the top left corner; empty: no label</param>
public readonly record struct LabelledBox(double X1, double Y1, double X2, double Y2, int Label, string Text)
{
    /// <summary>A detection with class name and score.</summary>
    public static LabelledBox Of(ScoredBox d, CocoFile file) =>
        new(d.X, d.Y, d.X + d.Width, d.Y + d.Height, d.Label, $"{file.Categories[d.Label].Name} {d.Score:F2}");

    /// <summary>What the annotator drew.</summary>
    public static LabelledBox Of(CocoAnnotation a, CocoFile file) =>
        new(a.X, a.Y, a.X + a.Width, a.Y + a.Height, a.Label, file.Categories[a.Label].Name + (a.IsCrowd ? " (crowd)" : ""));
}
