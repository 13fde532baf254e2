using SkiaSharp;

namespace CoDetr.Data;

/// <summary>
/// The one font that everything is written with: DejaVu Sans, a part of this assembly, so that text looks the same on every machine and appears
/// where no font is installed.
/// </summary>
public static class ProjectFont
{
    /// <summary>The name of the font family.</summary>
    public const string Family = "DejaVu Sans";

    private static readonly Lazy<SKTypeface> Loaded = new(() => SKTypeface.FromStream(Open()));

    /// <summary>The font for drawing with Skia.</summary>
    public static SKTypeface Typeface => Loaded.Value;

    /// <summary>The font's file.</summary>
    public static Stream Open() =>
        typeof(ProjectFont).Assembly.GetManifestResourceStream("DejaVuSans.ttf")
        ?? throw new InvalidOperationException("the font is missing from the assembly");
}
